package servers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Record types of FastCGI 1.0.
const (
	fcgiBegin  = 1
	fcgiEnd    = 3
	fcgiParams = 4
	fcgiStdin  = 5
	fcgiStdout = 6
)

// fastcgiGet is get over FastCGI, as a web server in front of PHP-FPM asks for one script.
func fastcgiGet(ctx context.Context, w *world, path string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", w.address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errRefused, err)
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	uri, query, _ := strings.Cut(path, "?")
	var request bytes.Buffer
	record(&request, fcgiBegin, []byte{0, 1, 0, 0, 0, 0, 0, 0}) // responder, and the connection is closed after it
	var params bytes.Buffer
	for _, p := range [][2]string{
		{"SCRIPT_FILENAME", w.dir + "/work.php"}, {"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", uri}, {"QUERY_STRING", query},
	} {
		params.Write([]byte{byte(len(p[0])), byte(len(p[1]))}) // all are shorter than 128
		params.WriteString(p[0] + p[1])
	}
	record(&request, fcgiParams, params.Bytes())
	record(&request, fcgiParams, nil)
	record(&request, fcgiStdin, nil)
	if _, err := conn.Write(request.Bytes()); err != nil {
		return "", err
	}
	return fastcgiAnswer(conn)
}

func record(to *bytes.Buffer, kind byte, content []byte) {
	to.Write([]byte{1, kind, 0, 1})
	binary.Write(to, binary.BigEndian, uint16(len(content)))
	to.Write([]byte{0, 0})
	to.Write(content)
}

// fastcgiAnswer reads an answer up to its end record: without one it is not complete.
func fastcgiAnswer(conn io.Reader) (string, error) {
	var body strings.Builder
	for {
		var header [8]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return "", fmt.Errorf("read a record: %w", err)
		}
		content := make([]byte, int(binary.BigEndian.Uint16(header[4:]))+int(header[6]))
		if _, err := io.ReadFull(conn, content); err != nil {
			return "", fmt.Errorf("read a record: %w", err)
		}
		switch header[1] {
		case fcgiStdout:
			body.Write(content[:len(content)-int(header[6])])
		case fcgiEnd:
			if strings.HasPrefix(body.String(), "Status: ") {
				return "", errors.New(strings.SplitN(body.String(), "\r\n", 2)[0])
			}
			return body.String(), nil
		}
	}
}
