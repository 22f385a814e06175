package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
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

type machineState struct {
	Name        string      `json:"name"`
	Ref         string      `json:"ref"`
	Power       string      `json:"power"`
	Host        string      `json:"host"`
	GuestFolder string      `json:"guestFolder"`
	Tracking    bool        `json:"tracking"`
	Needs       bool        `json:"consolidationNeeded"`
	Snapshots   int         `json:"snapshots"`
	Disks       []diskState `json:"disks"`
}

type diskState struct {
	Key      int32  `json:"key"`
	File     string `json:"file"`
	Live     string `json:"live"`
	Bytes    int64  `json:"bytes"`
	ChangeId string `json:"changeId"`
}

func (s *site) state() []machineState {
	s.files.Lock()
	defer s.files.Unlock()
	states := []machineState{}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		one := machineState{
			Name: vm.Name, Ref: vm.Self.Value, Power: string(vm.Runtime.PowerState), Host: s.hostName(vm),
			GuestFolder: s.guests.folderOf(vm), Snapshots: len(s.snapshots.of(vm.Self)), Disks: []diskState{},
		}
		one.Tracking = isTrue(vm.Config.ChangeTrackingEnabled)
		one.Needs = isTrue(vm.Runtime.ConsolidationNeeded)
		for _, device := range vm.Config.Hardware.Device {
			if disk, backing := flatBacking(device); disk != nil {
				one.Disks = append(one.Disks, s.diskState(disk, backing))
			}
		}
		states = append(states, one)
	}
	return states
}

func (s *site) diskState(disk *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) diskState {
	return diskState{disk.Key, backing.FileName, flatOf(s.local(backing.FileName)), capacityOf(disk), backing.ChangeId}
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
