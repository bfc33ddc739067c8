package reaper

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/reaperd/reaperd"

// forks, waits and kills: the names of package syscall, x/sys/unix and os that are this package's alone.
var ours = []string{"Wait4", "Waitid", "ForkExec", "StartProcess", "FindProcess", "Exec", "Kill", "Tgkill", "PidfdOpen",
	"PidfdSendSignal", "PtraceAttach", "SYS_WAIT4", "SYS_WAITID", "SYS_FORK", "SYS_VFORK", "SYS_CLONE", "SYS_CLONE3", "SYS_EXECVE",
	"SYS_EXECVEAT", "SYS_KILL", "SYS_TKILL", "SYS_TGKILL", "SYS_PIDFD_SEND_SIGNAL", "SYS_RT_SIGQUEUEINFO", "SYS_RT_TGSIGQUEUEINFO"}

// trespasses are the places where one file forks, waits or kills.
func trespasses(t *testing.T, name string, src any) []string {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	report := func(n ast.Node, what string) { found = append(found, fset.Position(n.Pos()).String()+": "+what) }
	system := map[string]bool{} // the local names of packages that can
	for _, imp := range parsed.Imports {
		from, _ := strconv.Unquote(imp.Path.Value)
		local := path.Base(from)
		if imp.Name != nil {
			local = imp.Name.Name
		}
		switch from {
		case "os/exec", "C", "plugin":
			report(imp, "import of "+from)
		case "os", "syscall", "golang.org/x/sys/unix":
			system[local] = true
			if local == "." {
				report(imp, "dot import of "+from)
			}
		}
	}
	named := func(n ast.Node) string { // of such a package: what is meant
		if s, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := s.X.(*ast.Ident); ok && system[pkg.Name] {
				return s.Sel.Name
			}
		}
		return ""
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if name := named(n); slices.Contains(ours, name) {
			report(n, name)
		}
		if call, ok := n.(*ast.CallExpr); ok && strings.Contains(named(call.Fun), "Syscall") && !strings.HasPrefix(named(call.Args[0]), "SYS_") {
			report(n, "a system call without a name")
		}
		return true
	})
	return found
}

// source calls visit with every file of the module that goes into a binary we ship, by its path in the module.
func source(t *testing.T, visit func(file string)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel("..", p)
		if d.IsDir() && (name == "integration" || name != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files++
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 30 {
		t.Errorf("got %d files, want the whole module", files)
	}
}

func TestNobodyElseForksWaitsOrKills(t *testing.T) {
	source(t, func(file string) {
		if path.Dir(file) == "reaper" {
			return
		}
		for _, place := range trespasses(t, filepath.Join("..", file), nil) {
			t.Error(place)
		}
	})
}

func TestTheWallStops(t *testing.T) {
	for name, src := range map[string]string{
		"os/exec":                `import "os/exec"; var x = exec.Command`,
		"wait4":                  `import "syscall"; var x, _ = syscall.Wait4(-1, nil, 0, nil)`,
		"a fork":                 `import "os"; var x = os.StartProcess`,
		"kill":                   `import "syscall"; func f() { syscall.Kill(1, 9) }`,
		"kill in disguise":       `import s "golang.org/x/sys/unix"; func f() { s.Kill(1, 9) }`,
		"kill by pidfd":          `import "golang.org/x/sys/unix"; var x = unix.PidfdSendSignal`,
		"kill by os":             `import "os"; func f() { p, _ := os.FindProcess(1); p.Kill() }`,
		"a system call":          `import "syscall"; func f() { syscall.Syscall(syscall.SYS_KILL, 1, 9, 0) }`,
		"a number":               `import "syscall"; func f() { syscall.RawSyscall(62, 1, 9, 0) }`,
		"a name without syscall": `import . "syscall"; func f() { Kill(1, 9) }`,
	} {
		if got := trespasses(t, "x.go", "package x\n"+src); len(got) == 0 {
			t.Errorf("%s passes, want it stopped", name)
		}
	}
	harmless := "package x\nimport \"syscall\"\nfunc f() { syscall.Close(3); syscall.Syscall(syscall.SYS_STATX, 0, 0, 0) }\ntype p struct{}\nfunc (p) Kill() {}\nvar x = p{}\nfunc g() { x.Kill() }"
	if got := trespasses(t, "x.go", harmless); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

// arrows says which packages of ours, and which of others, a folder may import. A folder below supervisor that is not
// named is an optional feature.
func arrows(folder string) (own, others []string, known bool) {
	const hclog, sys = "github.com/hashicorp/go-hclog", "golang.org/x/sys/unix"
	switch folder {
	case "policy", "reaper/procstat", "supervisor/event", "supervisor/sockstat":
		return nil, nil, true
	case "reaper":
		return []string{"reaper/procstat"}, []string{sys}, true
	case "configs":
		return []string{"policy"}, []string{"github.com/BurntSushi/toml"}, true
	case "supervisor":
		return []string{"policy", "reaper", "reaper/procstat", "supervisor/event"}, []string{hclog, sys}, true
	case "supervisor/sampler":
		return []string{"policy", "reaper/procstat"}, []string{"github.com/prometheus/procfs", sys}, true
	case "supervisor/idle":
		return []string{"reaper/procstat", "supervisor/sockstat"}, nil, true
	case "supervisor/notify":
		return []string{"reaper/procstat"}, []string{sys}, true
	case "supervisor/sockets":
		return []string{"reaper/procstat", "supervisor/sockstat"}, []string{sys}, true
	case "cmd/reaperd-net": // shares nothing with PID 1 but a command line
		return nil, nil, true
	}
	if strings.HasPrefix(folder, "supervisor/") {
		return []string{"policy", "reaper/procstat", "supervisor/event"}, []string{hclog, "github.com/prometheus/procfs"}, true
	}
	return nil, nil, false
}

func TestArrowsPointOneWay(t *testing.T) {
	source(t, func(file string) {
		folder := path.Dir(file)
		if folder == "cmd/reaperd" {
			return // knows every room
		}
		own, others, known := arrows(folder)
		if !known {
			t.Errorf("%s: a room without a rule: say in this test whom it may know", file)
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			from, _ := strconv.Unquote(imp.Path.Value)
			inside, isOurs := strings.CutPrefix(from, module+"/")
			switch {
			case isOurs && !slices.Contains(own, inside):
				t.Errorf("%s imports %s, want only %v of ours", file, inside, own)
			case !isOurs && strings.Contains(from, ".") && !slices.Contains(others, from):
				t.Errorf("%s imports %s, want only %v of others", file, from, others)
			case slices.Contains([]string{"supervisor/idle", "supervisor/sockets", "supervisor/sockstat"}, folder) && (from == "net" || strings.HasPrefix(from, "net/")):
				t.Errorf("%s imports %s: what is behind a network is for cmd/reaperd-net to ask", file, from)
			}
		}
	})
}

func TestReaperdSpeaksToNoNetworkAndRunsNoCommand(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"/cmd/reaperd").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	for _, p := range []string{"net/http", "crypto/tls", "net/rpc", "os/exec", "plugin"} {
		if slices.Contains(linked, p) {
			t.Errorf("reaperd links %s", p)
		}
	}
	if !slices.Contains(linked, module+"/reaper") {
		t.Errorf("got %v, want what reaperd is made of", linked)
	}
}
