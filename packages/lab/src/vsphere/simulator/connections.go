package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are those that clients have open, so that a restart can be played.
type connections struct {
	mutex        sync.Mutex
	open         map[net.Conn]bool
	refusedUntil time.Time
}

func newConnections() *connections { return &connections{open: map[net.Conn]bool{}} }

func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = true
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

// drop cuts all, and refuses what comes within the time after it.
func (c *connections) drop(refused time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.refusedUntil = time.Now().Add(refused)
	for conn := range c.open {
		_ = conn.Close()
	}
}

func (c *connections) areRefused() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return time.Now().Before(c.refusedUntil)
}
