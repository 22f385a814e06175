package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// tracking is changed block tracking: what each disk held at each change id, as files that nobody writes to any more.
type tracking struct {
	mutex sync.Mutex
	disks map[string]*trackedDisk
	files int
}

type trackedDisk struct {
	uuid        string
	sequence    int
	generations map[string]string
}

func newTracking() *tracking { return &tracking{disks: map[string]*trackedDisk{}} }

func diskId(vm types.ManagedObjectReference, key int32) string {
	return fmt.Sprintf("%s/%d", vm.Value, key)
}

func uuidText() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// trackerUuid is written as ESXi writes it: bytes in hexadecimal, apart.
func trackerUuid() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	return fmt.Sprintf("% x-% x", raw[:8], raw[8:])
}

// next gives the change id of a disk whose content was frozen in a file, and the one that the running disk has from then on.
func (t *tracking) next(folder, disk, frozen string) (string, string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	one := t.disks[disk]
	if one == nil {
		one = &trackedDisk{uuid: trackerUuid(), generations: map[string]string{}}
		t.disks[disk] = one
	}
	one.sequence++
	t.files++
	kept := filepath.Join(folder, "changes", fmt.Sprint(t.files))
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return "", "", err
	}
	// A link is enough: what is frozen is replaced one day, never written to.
	if err := os.Link(frozen, kept); err != nil {
		return "", "", err
	}
	id := fmt.Sprintf("%s/%d", one.uuid, one.sequence)
	one.generations[id] = kept
	return id, fmt.Sprintf("%s/%d", one.uuid, one.sequence+1), nil
}

func (t *tracking) generation(disk, id string) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if one := t.disks[disk]; one != nil {
		return one.generations[id]
	}
	return ""
}

// forget begins anew: ids that were given lead nowhere from now on.
func (t *tracking) forget(vm types.ManagedObjectReference) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for disk, one := range t.disks {
		if filepath.Dir(disk) != vm.Value {
			continue
		}
		for _, file := range one.generations {
			_ = os.Remove(file)
		}
		delete(t.disks, disk)
	}
}

// settleTracking follows a change of changeTrackingEnabled: ids come with the next snapshot, and none are left where it is off.
func (s *site) settleTracking(ref types.ManagedObjectReference, wanted *bool) {
	s.files.Lock()
	defer s.files.Unlock()
	vm := machineOf(ref.Value)
	if vm != nil && wanted != nil && !*wanted {
		s.resetTracking(vm)
	}
}

func (s *site) resetTracking(vm *simulator.VirtualMachine) {
	s.tracking.forget(vm.Self)
	update(vm, set("config.hardware.device", mapDisks(vm.Config.Hardware.Device, func(_ *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) {
		backing.ChangeId = ""
	})))
}

// mapDisks copies devices, with each disk that is files of a datastore changed.
func mapDisks(devices []types.BaseVirtualDevice, change func(*types.VirtualDisk, *types.VirtualDiskFlatVer2BackingInfo)) []types.BaseVirtualDevice {
	mapped := append([]types.BaseVirtualDevice{}, devices...)
	for at, device := range mapped {
		disk, backing := flatBacking(device)
		if disk == nil {
			continue
		}
		copied := withBacking(*disk, *backing)
		change(copied, copied.Backing.(*types.VirtualDiskFlatVer2BackingInfo))
		mapped[at] = copied
	}
	return mapped
}
