package main

import (
	"bytes"
	"io"
	"os"
	"syscall"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ESXi tracks larger blocks the larger a disk is; these are those of a small one.
const trackedBlock = 64 << 10

// A comparison is of what a disk holds with what it held, both opened; nothing before means with an empty disk.
type comparison struct {
	before, now *os.File
	capacity    int64
}

func (c comparison) close() {
	_ = c.now.Close()
	if c.before != nil {
		_ = c.before.Close()
	}
}

func (s *site) queryChangedDiskAreas(r *types.QueryChangedDiskAreas) soap.HasFault {
	// The files are opened while no snapshot goes; afterwards they may be renamed or removed.
	s.files.Lock()
	found, fault := s.openComparison(r)
	s.files.Unlock()
	if fault != nil {
		return fault
	}
	defer found.close()
	areas, end := compare(found.before, found.now, r.StartOffset, found.capacity, s.faults.areaLimit())
	return &methods.QueryChangedDiskAreasBody{Res: &types.QueryChangedDiskAreasResponse{Returnval: types.DiskChangeInfo{
		StartOffset: r.StartOffset, Length: end - r.StartOffset, ChangedArea: areas}}}
}

func (s *site) openComparison(r *types.QueryChangedDiskAreas) (comparison, soap.HasFault) {
	vm := machineOf(r.This.Value)
	if vm == nil {
		return comparison{}, notFound(r.This)
	}
	devices := vm.Config.Hardware.Device
	if r.Snapshot != nil {
		snapshot, ok := simulator.Map.Get(*r.Snapshot).(*simulator.VirtualMachineSnapshot)
		if !ok || snapshot.Vm != vm.Self {
			return comparison{}, notFound(*r.Snapshot)
		}
		devices = snapshot.Config.Hardware.Device
	} else if isOn(vm) {
		return comparison{}, invalidArgument("snapshot")
	}
	for _, device := range devices {
		disk, backing := flatBacking(device)
		if disk == nil || disk.Key != r.DeviceKey {
			continue
		}
		if r.StartOffset < 0 || r.StartOffset >= capacityOf(disk) {
			return comparison{}, invalidArgument("startOffset")
		}
		return s.openBoth(diskId(vm.Self, disk.Key), r.ChangeId, backing, capacityOf(disk))
	}
	return comparison{}, invalidArgument("deviceKey")
}

func (s *site) openBoth(disk, since string, backing *types.VirtualDiskFlatVer2BackingInfo, capacity int64) (comparison, soap.HasFault) {
	unknown := fail("Error caused by file "+backing.FileName, fileFault(backing.FileName))
	found := comparison{capacity: capacity}
	if backing.ChangeId == "" {
		return found, unknown
	}
	if since != "*" {
		before, err := os.Open(s.tracking.generation(disk, since))
		if err != nil {
			return found, unknown
		}
		found.before = before
	}
	now, err := os.Open(flatOf(s.local(backing.FileName)))
	if err != nil {
		return found, unknown
	}
	found.now = now
	return found, nil
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
