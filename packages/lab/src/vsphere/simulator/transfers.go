package main

import (
	"net/http"
	"time"
)

// watched counts what is sent, and stops it where a test asked for that.
type watched struct {
	http.ResponseWriter
	site     *site
	kind     string
	request  *http.Request
	sent     int64
	trouble  *transferTrouble
	isWanted func() bool
}

func (s *site) watch(w http.ResponseWriter, r *http.Request, kind string, isWanted func() bool) *watched {
	return &watched{ResponseWriter: w, site: s, kind: kind, request: r, trouble: s.faults.troubleOf(kind, r), isWanted: isWanted}
}

func (w *watched) Write(data []byte) (int, error) {
	if w.isWanted != nil && !w.isWanted() {
		panic(http.ErrAbortHandler)
	}
	written := 0
	if one := w.trouble; one != nil && w.sent+int64(len(data)) >= one.After {
		head := data[:one.After-w.sent]
		count, _ := w.send(head)
		written += count
		data = data[len(head):]
		if flusher, ok := w.ResponseWriter.(http.Flusher); ok {
			flusher.Flush()
		}
		w.trouble = nil
		if one.StallMs > 0 {
			select {
			case <-time.After(time.Duration(one.StallMs) * time.Millisecond):
			case <-w.request.Context().Done():
			}
		} else {
			panic(http.ErrAbortHandler)
		}
	}
	count, err := w.send(data)
	return written + count, err
}

func (w *watched) send(data []byte) (int, error) {
	count, err := w.ResponseWriter.Write(data)
	w.sent += int64(count)
	w.site.counters.served(w.kind, int64(count))
	return count, err
}
