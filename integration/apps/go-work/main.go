// Command go-work is work in flight, for a Go server.
//
//	/work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
//	/leak            leaves a child that never ends
//	/pid             the process that answers
//
// On TERM or INT it stops accepting, finishes what is in flight for at most 20 s, and ends with 0. With NAIVE set it
// has no handler.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	file, err := os.OpenFile(os.Getenv("JOURNAL"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.FormValue("ms"))
		fmt.Fprintln(file, "begin", r.FormValue("id"))
		time.Sleep(time.Duration(ms) * time.Millisecond)
		fmt.Fprintln(file, "end", r.FormValue("id"))
		fmt.Fprintln(w, "done")
	})
	http.HandleFunc("/leak", func(w http.ResponseWriter, r *http.Request) {
		if err := exec.Command("sleep", "1000").Start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	http.HandleFunc("/pid", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, os.Getpid()) })

	server := &http.Server{Addr: os.Getenv("ADDRESS")}
	drained := make(chan error, 1)
	if os.Getenv("NAIVE") == "" {
		stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer cancel()
		go func() {
			<-stop.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			drained <- server.Shutdown(ctx)
		}()
	}
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-drained; err != nil {
		log.Fatal(err)
	}
}
