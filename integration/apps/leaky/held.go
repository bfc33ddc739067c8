package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// held is a server that takes its sockets over, as sd_listen_fds(3) has it, and answers every line "X" of a client with
// "X PID". The line "slow" is answered when a file named by RELEASE is there. On TERM it closes its sockets and finishes
// what is in flight. With "close" it closes the sockets at once and lives on, with "ignore" it never looks at them.
func held(args []string) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return errors.New("LISTEN_PID does not name us")
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return err
	}
	if len(args) > 0 {
		for fd := 3; fd < 3+n && args[0] == "close"; fd++ {
			syscall.Close(fd)
		}
		say("ready %d", n)
		<-term
		return nil
	}
	var listeners []net.Listener
	var accepting, flight sync.WaitGroup
	for fd := 3; fd < 3+n; fd++ {
		file := os.NewFile(uintptr(fd), "socket")
		l, err := net.FileListener(file)
		if err != nil {
			return err
		}
		file.Close()
		listeners = append(listeners, l)
		accepting.Go(func() { accept(l, &flight) })
	}
	say("ready %d", n)
	<-term
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()
	say("draining")
	flight.Wait()
	return nil
}

func accept(l net.Listener, flight *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		flight.Go(func() {
			defer conn.Close()
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil {
				return
			}
			word := strings.TrimSpace(line)
			if word == "slow" {
				say("slow request")
				waitFor(os.Getenv("RELEASE"))
			}
			fmt.Fprintf(conn, "%s %d\n", word, os.Getpid())
		})
	}
}

// waitFor waits for a file, for as long as a test may take.
func waitFor(file string) {
	for range 6000 {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
