package main

import (
	"net/http"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
)

// A datastore is a folder, so that tests read and write its files themselves.
type datastore struct {
	Name   string `json:"name"`
	Folder string `json:"folder"`
}

// A site is all that one process simulates.
type site struct {
	options
	base, sha1  string
	stores      []datastore
	inner       http.Handler
	client      *vim25.Client
	sessions    *sessions
	faults      *faults
	counters    *counters
	connections *connections
	snapshots   *snapshots
	tracking    *tracking
	leases      *leases
	guests      *guests
	pages       *pages
	versions    http.Handler
	// Snapshots, consolidation and moves of a machine happen one after the other, as on a real host.
	files sync.Mutex
}

func newSite(o options) *site {
	return &site{
		options:     o,
		sessions:    newSessions(o),
		faults:      &faults{changedAreas: o.areas},
		counters:    newCounters(),
		connections: newConnections(),
		snapshots:   newSnapshots(),
		tracking:    newTracking(),
		leases:      newLeases(),
		guests:      newGuests(o),
		pages:       newPages(),
		versions:    serviceVersions(o.apiVersion),
	}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.connections.areRefused():
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(r.URL.Path, "/folder"):
		s.serveFolder(w, r)
	case strings.HasPrefix(r.URL.Path, "/nfc/"):
		s.serveNfc(w, r)
	case r.URL.Path == "/sdk/vimServiceVersions.xml":
		s.versions.ServeHTTP(w, r)
	case strings.TrimSuffix(r.URL.Path, "/") == "/sdk" && r.Method == http.MethodPost:
		r.URL.Path = "/sdk"
		s.serveSoap(w, r)
	case strings.HasPrefix(r.URL.Path, "/rest/") && !s.sessions.mayUseRest(r):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		s.inner.ServeHTTP(w, r)
	}
}

func machineOf(ref string) *simulator.VirtualMachine {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if ok && (vm.Self.Value == ref || vm.Name == ref) {
			return vm
		}
	}
	return nil
}
