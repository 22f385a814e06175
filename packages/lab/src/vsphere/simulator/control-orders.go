package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"time"
)

// liveFile is the file that a machine writes to.
func (s *site) liveFile(o order) (string, error) {
	vm := machineOf(o.Vm)
	if vm == nil {
		return "", fmt.Errorf("there is no machine %q", o.Vm)
	}
	at := 0
	for _, device := range vm.Config.Hardware.Device {
		_, backing := flatBacking(device)
		if backing == nil {
			continue
		}
		if at == o.Disk {
			return flatOf(s.local(backing.FileName)), nil
		}
		at++
	}
	return "", fmt.Errorf("%s has no disk %d", o.Vm, o.Disk)
}

func (s *site) orderWrite(o order) (interface{}, error) {
	data, err := hex.DecodeString(o.Hex)
	if err != nil {
		return nil, err
	}
	s.files.Lock()
	defer s.files.Unlock()
	live, err := s.liveFile(o)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(live, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if o.Offset < 0 || o.Offset+int64(len(data)) > info.Size() {
		return nil, fmt.Errorf("the disk ends at %d", info.Size())
	}
	_, err = file.WriteAt(data, o.Offset)
	return nil, err
}

// orderFill gives a disk the content of a file, which may be shorter; what is after it is empty then.
func (s *site) orderFill(o order) (interface{}, error) {
	s.files.Lock()
	defer s.files.Unlock()
	live, err := s.liveFile(o)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(live)
	if err != nil {
		return nil, err
	}
	given, err := os.Stat(o.File)
	if err != nil {
		return nil, err
	}
	if given.Size() > info.Size() {
		return nil, fmt.Errorf("%s is larger than the disk", o.File)
	}
	if err := copySparse(o.File, live); err != nil {
		return nil, err
	}
	return nil, os.Truncate(live, info.Size())
}

func (s *site) orderTools(o order) (interface{}, error) {
	vm := machineOf(o.Vm)
	if vm == nil {
		return nil, fmt.Errorf("there is no machine %q", o.Vm)
	}
	setTools(vm, o.Installed == nil || *o.Installed, o.Running == nil || *o.Running)
	return nil, nil
}

func (s *site) orderGuestLogin(o order) (interface{}, error) {
	s.guests.mutex.Lock()
	defer s.guests.mutex.Unlock()
	s.guests.user, s.guests.password = o.User, o.Password
	return nil, nil
}

func (s *site) orderConsolidation(o order) (interface{}, error) {
	vm := machineOf(o.Vm)
	if vm == nil {
		return nil, fmt.Errorf("there is no machine %q", o.Vm)
	}
	update(vm, set("runtime.consolidationNeeded", o.Needed))
	return nil, nil
}

func (s *site) orderResetTracking(o order) (interface{}, error) {
	vm := machineOf(o.Vm)
	if vm == nil {
		return nil, fmt.Errorf("there is no machine %q", o.Vm)
	}
	s.files.Lock()
	defer s.files.Unlock()
	s.resetTracking(vm)
	return nil, nil
}

// orderRestart is what clients notice of a server that restarts: it is gone, and knows them no more.
func (s *site) orderRestart(o order) (interface{}, error) {
	s.sessions.expireAll()
	s.leases.abortAll()
	s.connections.drop(time.Duration(o.DownMs) * time.Millisecond)
	return nil, nil
}
