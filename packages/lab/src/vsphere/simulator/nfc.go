package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// serveNfc moves whole disks as stream-optimized VMDKs: from the first byte to the last, without ranges. The URL is the permission.
func (s *site) serveNfc(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 4 {
		http.NotFound(w, r)
		return
	}
	lease, one := s.leases.transferOf(parts[2], parts[3])
	if one == nil {
		http.NotFound(w, r)
		return
	}
	if status := s.faults.statusOf("nfc", r); status != 0 {
		w.WriteHeader(status)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.sendDisk(w, r, lease, one)
	case http.MethodPut, http.MethodPost:
		s.takeDisk(w, r, lease, one)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *site) sendDisk(w http.ResponseWriter, r *http.Request, lease *HttpNfcLease, one *transfer) {
	stream, err := s.temporary("export")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer os.Remove(stream)
	if err := convert("raw", one.source, "vmdk", stream, "-o", "subformat=streamOptimized"); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	file, err := os.Open(stream)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	out := s.watch(w, r, "nfc", func() bool { return s.leases.get(lease.Self.Value) != nil })
	digest := sha1.New()
	size, err := io.Copy(io.MultiWriter(out, digest), file)
	if err != nil {
		return
	}
	s.settle(one, digest.Sum(nil), size)
}

func (s *site) takeDisk(w http.ResponseWriter, r *http.Request, lease *HttpNfcLease, one *transfer) {
	if !one.isImport {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	size, digest, err := s.writeDisk(r, one)
	if err != nil {
		s.leases.end(lease.Self.Value, types.HttpNfcLeaseStateError, &types.FileFault{File: one.file})
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.settle(one, digest, size)
	w.WriteHeader(http.StatusCreated)
}

// writeDisk takes the body for a VMDK, and makes it the content of the disk: a capacity that differs is refused.
func (s *site) writeDisk(r *http.Request, one *transfer) (int64, []byte, error) {
	stream, err := s.temporary("import")
	if err != nil {
		return 0, nil, err
	}
	defer os.Remove(stream)
	file, err := os.OpenFile(stream, os.O_WRONLY, 0o600)
	if err != nil {
		return 0, nil, err
	}
	digest := sha1.New()
	size, err := io.Copy(io.MultiWriter(file, digest), r.Body)
	if err = firstOf(err, file.Close()); err != nil {
		return 0, nil, err
	}
	s.counters.served("nfc", size)
	descriptor := s.local(one.file)
	raw := flatOf(descriptor) + ".importing"
	defer os.Remove(raw)
	if err := convert("vmdk", stream, "raw", raw); err != nil {
		return 0, nil, err
	}
	info, err := os.Stat(raw)
	if err != nil {
		return 0, nil, err
	}
	if info.Size() != one.capacity {
		return 0, nil, fmt.Errorf("the disk has %d bytes, and %d came", one.capacity, info.Size())
	}
	return size, digest.Sum(nil), firstOf(os.Rename(raw, flatOf(descriptor)), writeDescriptor(descriptor, one.capacity, ""))
}

func (s *site) settle(one *transfer, digest []byte, size int64) {
	s.leases.mutex.Lock()
	defer s.leases.mutex.Unlock()
	one.sha1, one.size = hex.EncodeToString(digest), size
}

func (s *site) temporary(kind string) (string, error) {
	file, err := os.CreateTemp(s.folder, kind+"-")
	if err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

func convert(from, source, to, result string, more ...string) error {
	args := append(append([]string{"convert", "-f", from, "-O", to}, more...), source, result)
	out, err := exec.Command("qemu-img", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img: %s", out)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
