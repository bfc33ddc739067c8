package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// QuietMeans are how an app is asked to take no more work by other means than a signal.
type QuietMeans struct {
	File     string         // is there from then on until an app is started; "": none
	Commands []QuietCommand // are run, one after the other
}

// QuietCommand is a command and the key that it comes from.
type QuietCommand struct {
	Key  string
	Argv []string
}

// begin makes the file, which may be there already. It is never written through a link.
func (q QuietMeans) begin() error {
	if q.File == "" {
		return nil
	}
	file, err := os.OpenFile(q.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// end removes the file, of an earlier run too; but nothing that anybody else has put there.
func (q QuietMeans) end() error {
	if q.File == "" {
		return nil
	}
	info, err := os.Lstat(q.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > 0:
		return fmt.Errorf("%s is no empty file, so it is not ours", q.File)
	}
	return os.Remove(q.File)
}

// whyNot says what became of a command that has not ended with 0; -1: it could not be asked.
func whyNot(code int) string {
	if code < 0 {
		return fmt.Sprintf("it could not be started, was killed, or took more than %v", askFor)
	}
	return fmt.Sprintf("it ended with %d", code)
}
