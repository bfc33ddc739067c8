package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// mostBody bounds an answer. 1,000 uWSGI workers send about 1 MB.
const mostBody = 4 << 20

// fetchURL gets the JSON document at a URL.
func fetchURL(ctx context.Context, address string) (any, error) {
	response, err := send(ctx, http.MethodGet, address, "application/json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	return decode(response.Body)
}

// send makes one request, without a body. Redirects are not followed, proxies not used.
func send(ctx context.Context, method, address, accept string) (*http.Response, error) {
	target, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	// Not the default transport: it would use a proxy that the app's environment names.
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	if target.Scheme == "http+unix" {
		socket, path, err := splitSocket(target.Path)
		if err != nil {
			return nil, err
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
		target = &url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: target.RawQuery}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header.Set("User-Agent", "reaperd-net")
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	return response, nil
}

// fetchRaw reads the JSON document that a server sends to whoever connects.
func fetchRaw(ctx context.Context, address string) (any, error) {
	network, where, err := parseRaw(address)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, where)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return decode(conn)
}

// decode reads one document. What follows it is not waited for.
func decode(from io.Reader) (doc any, err error) {
	limited := &io.LimitedReader{R: from, N: mostBody}
	decoder := json.NewDecoder(limited)
	decoder.UseNumber()
	err = decoder.Decode(&doc)
	switch {
	case err == nil:
		return doc, nil
	case limited.N <= 0:
		return nil, fmt.Errorf("the answer is longer than %d MiB", mostBody>>20)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the answer ends before its JSON does")
	}
	return nil, fmt.Errorf("the answer is not JSON: %w", err)
}

func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, withoutURL(err)
	}
	switch {
	case u.Scheme == "http+unix" && u.Host == "" && u.Path != "":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, errors.New("want http://HOST..., https://HOST... or http+unix:///path/of.sock/path")
	}
	return u, nil
}

func parseRaw(address string) (network, where string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", fmt.Errorf("--raw: %w", withoutURL(err))
	}
	switch {
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
		return "tcp", u.Host, nil
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return "unix", u.Path, nil
	}
	return "", "", errors.New("--raw wants tcp://HOST:PORT or unix:///path/of.sock")
}

// splitSocket finds where the path of a socket ends and that of the request begins: after the first part that is a socket.
func splitSocket(full string) (socket, request string, err error) {
	for end := 1; end <= len(full); end++ {
		if end < len(full) && full[end] != '/' {
			continue
		}
		info, err := os.Stat(full[:end])
		if err != nil {
			return "", "", fmt.Errorf("no socket in %s: %w", full, err)
		}
		if info.Mode().Type() == os.ModeSocket {
			return full[:end], "/" + strings.TrimPrefix(full[end:], "/"), nil
		}
	}
	return "", "", fmt.Errorf("no socket in %s", full)
}

// withoutURL takes the URL off an error: it may hold a token, and messages go into logs.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
