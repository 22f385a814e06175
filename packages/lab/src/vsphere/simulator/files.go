package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serveFolder is the access to files of datastores. The file of a disk that a running machine writes to is locked, as on a real host.
func (s *site) serveFolder(w http.ResponseWriter, r *http.Request) {
	s.counters.requestedFile()
	if status := s.faults.statusOf("folder", r); status != 0 {
		w.WriteHeader(status)
		return
	}
	user := s.sessions.userOf(r)
	if user == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	file := s.localAt(r.URL.Query().Get("dsName"), strings.TrimPrefix(r.URL.Path, "/folder"))
	center := r.URL.Query().Get("dcPath")
	if file == "" || center != s.dataCenter() {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.readFile(w, r, file)
	case http.MethodPut, http.MethodDelete:
		if !s.sessions.mayChange(user) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.changeFile(w, r, file)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *site) dataCenter() string {
	if s.esx {
		return "ha-datacenter"
	}
	return "DC0"
}

func (s *site) readFile(w http.ResponseWriter, r *http.Request, file string) {
	s.files.Lock()
	isLocked := strings.HasSuffix(file, "-flat.vmdk") && s.isLive(file)
	opened, err := os.Open(file)
	s.files.Unlock()
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	if isLocked {
		http.Error(w, "The file is locked by a running virtual machine", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(s.watch(w, r, "folder", nil), r, "", time.Time{}, opened)
}

func (s *site) changeFile(w http.ResponseWriter, r *http.Request, file string) {
	s.files.Lock()
	isLocked := s.isLive(file)
	s.files.Unlock()
	if isLocked {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if r.Method == http.MethodDelete {
		if err := os.Remove(file); err != nil {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	_, statError := os.Stat(file)
	if err := s.putFile(r, file); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if statError == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// putFile writes beside the file, as frozen ones must not be written to, and a body that is cut short must not be taken for whole.
func (s *site) putFile(r *http.Request, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(file), ".put-")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	size, err := io.Copy(aside, r.Body)
	s.counters.served("folder", size)
	return firstOf(err, aside.Close(), renameIf(err == nil, aside.Name(), file))
}

func renameIf(isWhole bool, from, to string) error {
	if !isWhole {
		return nil
	}
	return os.Rename(from, to)
}
