package main

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// web NETWORK ADDRESS SLOW is a server with the leak of the stories: it forks a child for every request and
// never waits. A request for /slow takes SLOW. On TERM it stops accepting, finishes what is in flight and exits 0.
func web(args []string) error {
	if len(args) < 3 {
		return errors.New("want NETWORK ADDRESS SLOW")
	}
	slow, err := delay(args, 2)
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 8)
	signal.Notify(term, syscall.SIGTERM)
	l, err := net.Listen(args[0], args[1])
	if err != nil {
		return err
	}
	say("ready %s", l.Addr())
	go func() {
		<-term
		say("draining")
		l.Close()
	}()
	var flight sync.WaitGroup
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		flight.Add(1)
		go func() {
			defer flight.Done()
			answer(conn, slow)
		}()
	}
	flight.Wait()
	say("bye")
	return nil
}

func answer(conn net.Conn, slow time.Duration) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	forkZombie()
	if strings.Contains(line, "/slow") {
		say("slow request")
		time.Sleep(slow)
	}
	conn.Write([]byte("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n"))
}
