// Command sampling measures what one look at a tree of processes costs: reaperd's sampler, a C program of the same design
// (the floor), procfs, psutil and ps, interleaved in one run, because only ratios of one run mean anything. See README.md.
// It needs root (it makes its own PID namespaces), a C compiler and python3-psutil.
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

//go:embed testdata
var sources embed.FS

// scene is a tree, and who looks at it.
type scene struct {
	Name       string
	Processes  int
	Threads    int // of each
	Zombies    int
	Strangers  int // processes that are not below the watcher, which is then not PID 1
	Churn      int // processes forked a second beside the looks, by the tree or, if there are strangers, by one of them
	Contenders []string
	Rounds     int
	Tools      string // directory of the compiled programs
}

// floor is the contender that nobody can beat by much.
const floor = "C, same design"

var everybody = []string{"reaperd", "reaperd with fds", floor, "procfs", "psutil", "ps -eLf"}

var scenes = []scene{
	{Name: "100 processes of 10 threads", Processes: 100, Threads: 10, Contenders: everybody},
	{Name: "1,000 processes of 10 threads", Processes: 1000, Threads: 10, Contenders: everybody},
	{Name: "5,000 processes", Processes: 5000, Threads: 1, Contenders: everybody},
	{Name: "1,000 zombies", Processes: 1, Threads: 1, Zombies: 1000, Contenders: everybody},
	{Name: "10 processes of 2 threads", Processes: 10, Threads: 2, Contenders: everybody},
	{Name: "100 processes of 10 threads, 500 forks a second", Processes: 100, Threads: 10, Churn: 500, Contenders: []string{"reaperd", "procfs"}},
	{Name: "50 processes among 5,000 others", Processes: 50, Threads: 1, Strangers: 5000, Contenders: []string{"reaperd", "procfs"}},
	{Name: "50 processes among 5,000 others, 500 forks a second", Processes: 50, Threads: 1, Strangers: 5000, Churn: 500, Contenders: []string{"reaperd", "procfs"}},
}

func main() {
	if role := os.Getenv(roleEnv); role != "" {
		play(role)
		return
	}
	rounds := flag.Int("rounds", 8, "rounds of each scene; the least of all counts")
	only := flag.Int("only", 0, "the number of one scene alone, from 1")
	flag.Parse()
	if err := run(*rounds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "sampling:", err)
		os.Exit(1)
	}
}

func run(rounds, only int) error {
	printMachine()
	tools, err := buildTools()
	if err != nil {
		return err
	}
	defer os.RemoveAll(tools)
	for i, s := range scenes {
		if only != 0 && only != i+1 {
			continue
		}
		s.Rounds, s.Tools = rounds, tools
		results, err := enact(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		printScene(s, results)
	}
	return nil
}

// buildTools compiles the C programs and writes down the scripts.
func buildTools() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "sampling"); err != nil {
		return "", err
	}
	files, err := sources.ReadDir("testdata")
	if err != nil {
		return "", err
	}
	for _, f := range files {
		text, err := sources.ReadFile("testdata/" + f.Name())
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, f.Name())
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return "", err
		}
		name, isC := bytes.CutSuffix([]byte(path), []byte(".c"))
		if !isC {
			continue
		}
		if out, err := exec.Command("cc", "-O2", "-pthread", "-o", string(name), path).CombinedOutput(); err != nil {
			return "", fmt.Errorf("cc %s: %w\n%s", f.Name(), err, out)
		}
	}
	return dir, nil
}

// enact runs a scene in a PID namespace of its own, as its PID 1: when that ends, so does all that is in it.
func enact(s scene) (results []result, err error) {
	order, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=stage")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(order), os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	removeCgroups()
	if err != nil {
		return nil, err
	}
	return results, json.Unmarshal(out, &results)
}
