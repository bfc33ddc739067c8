package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// TestMain makes this binary a process that logs, for the writer owns descriptor 2.
func TestMain(m *testing.M) {
	if role := os.Getenv("REAPERD_TEST_LOG"); role != "" {
		os.Unsetenv("REAPERD_TEST_LOG")
		os.Exit(logs(role))
	}
	os.Exit(m.Run())
}

// floodLines are more than the queue and a pipe can hold.
const floodLines = 5000

// logs says on stdout how far it is and waits for the end of stdin before it goes on.
func logs(role string) int {
	log, writer := newLogger(hclog.Info, role == "json")
	switch role {
	case "lines", "json":
		log.Info("one", "name", "a\nb")
		log.Debug("not this one")
		log.Warn("two", "n", 2)
	case "flood":
		for i := range floodLines {
			log.Info("flood", "i", i, "text", strings.Repeat("x", 200))
		}
		fmt.Println("logged")
		io.Copy(io.Discard, os.Stdin)
		log.Info("and on")
	case "nobody reads":
		for i := range floodLines {
			log.Info("flood", "i", i, "text", strings.Repeat("x", 200))
		}
		began := time.Now()
		writer.flush(50 * time.Millisecond)
		fmt.Println(time.Since(began))
		return 0
	case "broken":
		for range 100 {
			log.Info("nobody is there")
		}
	case "non-blocking":
		if err := syscall.SetNonblock(2, true); err != nil {
			return 1
		}
		for i := range 400 {
			log.Info("line", "i", i, "text", strings.Repeat("x", 1000))
		}
		fmt.Println("logged")
		io.Copy(io.Discard, os.Stdin)
	}
	writer.flush(patience)
	return 0
}
