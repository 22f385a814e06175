package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ESXi tracks larger blocks the larger a disk is; these are those of a small one.
const trackedBlock = 64 << 10

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

func (s *site) queryChangedDiskAreas(r *types.QueryChangedDiskAreas) soap.HasFault {
	vm := machineOf(r.This.Value)
	if vm == nil {
		return notFound(r.This)
	}
	devices := vm.Config.Hardware.Device
	if r.Snapshot != nil {
		snapshot, ok := simulator.Map.Get(*r.Snapshot).(*simulator.VirtualMachineSnapshot)
		if !ok || snapshot.Vm != vm.Self {
			return notFound(*r.Snapshot)
		}
		devices = snapshot.Config.Hardware.Device
	} else if isOn(vm) {
		return invalidArgument("snapshot")
	}
	for _, device := range devices {
		disk, backing := flatBacking(device)
		if disk == nil || disk.Key != r.DeviceKey {
			continue
		}
		if r.StartOffset < 0 || r.StartOffset >= capacityOf(disk) {
			return invalidArgument("startOffset")
		}
		return s.changedAreas(r, vm, disk, backing)
	}
	return invalidArgument("deviceKey")
}

func (s *site) changedAreas(r *types.QueryChangedDiskAreas, vm *simulator.VirtualMachine, disk *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) soap.HasFault {
	unknown := fail("Error caused by file "+backing.FileName, fileFault(backing.FileName))
	before := ""
	if r.ChangeId != "*" {
		before = s.tracking.generation(diskId(vm.Self, disk.Key), r.ChangeId)
	}
	if backing.ChangeId == "" || (r.ChangeId != "*" && before == "") {
		return unknown
	}
	// Opened while no snapshot goes: afterwards it may be renamed or removed.
	s.files.Lock()
	file, err := os.Open(flatOf(s.local(backing.FileName)))
	s.files.Unlock()
	if err != nil {
		return unknown
	}
	defer file.Close()
	old := (*os.File)(nil)
	if before != "" {
		if old, err = os.Open(before); err != nil {
			return unknown
		}
		defer old.Close()
	}
	areas, end := compare(old, file, r.StartOffset, capacityOf(disk), s.faults.areaLimit())
	return &methods.QueryChangedDiskAreasBody{Res: &types.QueryChangedDiskAreasResponse{Returnval: types.DiskChangeInfo{
		StartOffset: r.StartOffset, Length: end - r.StartOffset, ChangedArea: areas}}}
}

// compare tells where a file differs from an older one, or what is allocated where there is none, and how far it has looked.
func compare(old, now *os.File, from, capacity int64, most int) ([]types.DiskChangeExtent, int64) {
	var areas []types.DiskChangeExtent
	one, other := make([]byte, trackedBlock), make([]byte, trackedBlock)
	for at := from / trackedBlock * trackedBlock; at < capacity; at += trackedBlock {
		isData := hasData(now, at)
		if old == nil && !isData || old != nil && !isData && !hasData(old, at) {
			continue
		}
		length := min(trackedBlock, capacity-at)
		if old != nil && bytes.Equal(readBlock(now, one, at), readBlock(old, other, at)) {
			continue
		}
		start := max(at, from)
		last := len(areas) - 1
		if last >= 0 && areas[last].Start+areas[last].Length == start {
			areas[last].Length += at + length - start
			continue
		}
		if most > 0 && len(areas) == most {
			return areas, at
		}
		areas = append(areas, types.DiskChangeExtent{Start: start, Length: at + length - start})
	}
	return areas, capacity
}

func readBlock(file *os.File, block []byte, at int64) []byte {
	count, err := file.ReadAt(block, at)
	if err != nil && err != io.EOF {
		count = 0
	}
	for rest := count; rest < len(block); rest++ {
		block[rest] = 0
	}
	return block
}

const seekData = 3

// hasData tells whether anything of a block is allocated in the file that stands for the disk.
func hasData(file *os.File, at int64) bool {
	data, err := file.Seek(at, seekData)
	if err == nil {
		return data < at+trackedBlock
	}
	// ENXIO: nothing but holes up to the end.
	return !isErrno(err, syscall.ENXIO)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func max(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}
