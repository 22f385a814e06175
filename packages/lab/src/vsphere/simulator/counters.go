package main

import (
	"encoding/json"
	"sync"
	"time"
)

// A conversation is one SOAP call, for tests that compare with what was recorded.
type conversation struct {
	At       time.Time `json:"at"`
	Method   string    `json:"method"`
	Status   int       `json:"status"`
	Request  string    `json:"request"`
	Response string    `json:"response"`
}

const mostConversations = 2000

// A gauge is how many there are, and how many there were at most at once.
type gauge struct {
	Now int `json:"now"`
	Max int `json:"max"`
}

func (g *gauge) add(by int) {
	g.Now += by
	if g.Now > g.Max {
		g.Max = g.Now
	}
}

type counters struct {
	mutex         sync.Mutex
	Calls         map[string]int    `json:"calls"`
	FolderBytes   int64             `json:"folderBytes"`
	NfcBytes      int64             `json:"nfcBytes"`
	FolderReads   int               `json:"folderRequests"`
	Snapshots     gauge             `json:"snapshots"`
	ByDatastore   map[string]*gauge `json:"snapshotsByDatastore"`
	ByHost        map[string]*gauge `json:"snapshotsByHost"`
	Quiesced      int               `json:"quiesced"`
	conversations []conversation
}

func newCounters() *counters {
	return &counters{Calls: map[string]int{}, ByDatastore: map[string]*gauge{}, ByHost: map[string]*gauge{}}
}

func (c *counters) called(method string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Calls[method]++
}

func (c *counters) talked(one conversation) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.conversations = append(c.conversations, one)
	if len(c.conversations) > mostConversations {
		c.conversations = c.conversations[1:]
	}
}

func (c *counters) served(kind string, bytes int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if kind == "nfc" {
		c.NfcBytes += bytes
		return
	}
	c.FolderBytes += bytes
}

func (c *counters) requestedFile() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.FolderReads++
}

func (c *counters) quiesced() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Quiesced++
}

func (c *counters) snapshot(by int, host string, datastores []string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Snapshots.add(by)
	gaugeOf(c.ByHost, host).add(by)
	for _, name := range datastores {
		gaugeOf(c.ByDatastore, name).add(by)
	}
}

func gaugeOf(gauges map[string]*gauge, name string) *gauge {
	if gauges[name] == nil {
		gauges[name] = &gauge{}
	}
	return gauges[name]
}

// copied is what the counters say now.
func (c *counters) copied() (json.RawMessage, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return json.Marshal(c)
}

// takeConversations gives those since it was asked for them last.
func (c *counters) takeConversations() []conversation {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	taken := c.conversations
	c.conversations = nil
	if taken == nil {
		return []conversation{}
	}
	return taken
}
