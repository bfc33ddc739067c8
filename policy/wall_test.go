package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// allowed imports, and of a package that can do more than compute, the names that are allowed.
var allowed = map[string][]string{
	"cmp": nil, "errors": nil, "maps": nil, "math": nil, "math/bits": nil, "slices": nil, "sort": nil, "strconv": nil, "strings": nil,
	"fmt":  {"Errorf", "Sprintf", "Stringer"},
	"time": {"Duration", "Time", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour", "ParseDuration"},
}

// breaches of the wall in one file: I/O, a clock, a goroutine.
func breaches(t *testing.T, name string, src any) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	report := func(n ast.Node, what string) { found = append(found, fset.Position(n.Pos()).String()+": "+what) }
	for _, imp := range file.Imports {
		path, _ := strconv.Unquote(imp.Path.Value)
		if _, ok := allowed[path]; !ok {
			report(imp, "import of "+path)
		}
		if imp.Name != nil {
			report(imp, "import of "+path+" under another name")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "go statement")
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
				report(n, f.Name)
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			names := allowed[pkg.Name]
			if names != nil && !strings.Contains(" "+strings.Join(names, " ")+" ", " "+n.Sel.Name+" ") {
				report(n, pkg.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestPolicyDoesNoIOAndReadsNoClock(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		files++
		for _, b := range breaches(t, e.Name(), nil) {
			t.Error(b)
		}
	}
	if files < 5 {
		t.Errorf("got %d files, want this package's", files)
	}
}

func TestTheWallStops(t *testing.T) {
	for name, src := range map[string]string{
		"an import that does I/O":         `import "os"`,
		"an import of our own":            `import "github.com/reaperd/reaperd/reaper"`,
		"an import in disguise":           `import clock "time"`,
		"an import that hides its origin": `import . "time"`,
		"the clock":                       `import "time"; var x = time.Now()`,
		"the clock, as a value":           `import "time"; var x = time.Since`,
		"a sleep":                         `import "time"; func f() { time.Sleep(1) }`,
		"a timer":                         `import "time"; func f() { time.NewTimer(1) }`,
		"a zone file":                     `import "time"; func f() { time.LoadLocation("x") }`,
		"printing":                        `import "fmt"; func f() { fmt.Println() }`,
		"printing without an import":      `func f() { println() }`,
		"a goroutine":                     `func f() { go f() }`,
	} {
		if got := breaches(t, "x.go", "package policy\n"+src); len(got) == 0 {
			t.Errorf("%s passes, want it stopped", name)
		}
	}
	if got := breaches(t, "x.go", "package policy\nimport \"time\"\nvar x = 2 * time.Second"); len(got) != 0 {
		t.Errorf("arithmetic with durations: got %v, want nothing", got)
	}
}
