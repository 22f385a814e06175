package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// An order is what a test posts to the control port; each kind uses some of the fields.
type order struct {
	Vm        string           `json:"vm"`
	Disk      int              `json:"disk"`
	Offset    int64            `json:"offset"`
	Hex       string           `json:"hex"`
	File      string           `json:"file"`
	Installed *bool            `json:"installed"`
	Running   *bool            `json:"running"`
	User      string           `json:"user"`
	Password  string           `json:"password"`
	Needed    bool             `json:"needed"`
	DownMs    int              `json:"downMs"`
	Most      int              `json:"most"`
	Fault     *methodFault     `json:"fault"`
	Delay     *methodDelay     `json:"delay"`
	Transfer  *transferTrouble `json:"transfer"`
}

// controlHandler lets tests play the guest, the operator and the saboteur.
func controlHandler(s *site) http.Handler {
	orders := map[string]func(order) (interface{}, error){
		"write":          s.orderWrite,
		"fill":           s.orderFill,
		"tools":          s.orderTools,
		"guest-login":    s.orderGuestLogin,
		"consolidation":  s.orderConsolidation,
		"reset-tracking": s.orderResetTracking,
		"fault": func(o order) (interface{}, error) {
			if o.Fault == nil {
				return nil, fmt.Errorf("fault is missing")
			}
			_, err := o.Fault.Fault.value()
			s.faults.add(o.Fault)
			return nil, err
		},
		"delay":         func(o order) (interface{}, error) { s.faults.addDelay(o.Delay); return nil, nil },
		"transfer":      func(o order) (interface{}, error) { s.faults.addTrouble(o.Transfer); return nil, nil },
		"limit-areas":   func(o order) (interface{}, error) { s.faults.limitAreas(o.Most); return nil, nil },
		"clear-faults":  func(order) (interface{}, error) { s.faults.reset(); return nil, nil },
		"abort-leases":  func(order) (interface{}, error) { return s.leases.abortAll(), nil },
		"expire":        func(order) (interface{}, error) { return s.sessions.expireAll(), nil },
		"restart":       s.orderRestart,
		"state":         func(order) (interface{}, error) { return s.state(), nil },
		"counters":      func(order) (interface{}, error) { return s.counters.copied() },
		"conversations": func(order) (interface{}, error) { return s.counters.takeConversations(), nil },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run, known := orders[filepath.Base(r.URL.Path)]
		if !known {
			http.NotFound(w, r)
			return
		}
		var o order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil && err != io.EOF {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := run(o)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}
