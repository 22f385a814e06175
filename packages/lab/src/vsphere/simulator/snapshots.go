package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A disk with snapshots is a chain: the first file of it is frozen, and the machine goes on in x-000001.vmdk. On a real host that is a
// sparse file of what was written since; here it is all of the disk, x-000001-flat.vmdk, so that a test writes to it as it likes.
// The file that the machine writes to stays the same inode all the time; what is frozen is a copy under the old name.
type snapshots struct {
	// Descriptor of a file in a chain, to the one that it goes on from.
	parents map[string]string
	ids     map[types.ManagedObjectReference]int32
	known   map[types.ManagedObjectReference]snapshotPlace
	// Descriptors that no snapshot needs any more, and that were not merged.
	leftover map[types.ManagedObjectReference][]string
}

// Where a snapshot counts.
type snapshotPlace struct {
	vm         types.ManagedObjectReference
	host       string
	datastores []string
}

type snapshotWish struct {
	name, description string
	quiesce, memory   bool
}

func newSnapshots() *snapshots {
	return &snapshots{
		parents:  map[string]string{},
		ids:      map[types.ManagedObjectReference]int32{},
		known:    map[types.ManagedObjectReference]snapshotPlace{},
		leftover: map[types.ManagedObjectReference][]string{},
	}
}

func (s *snapshots) of(vm types.ManagedObjectReference) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for ref, place := range s.known {
		if place.vm == vm {
			refs = append(refs, ref)
		}
	}
	return refs
}

func (s *site) createSnapshot(c *call, wish snapshotWish) soap.HasFault {
	vm := machineOf(c.This.Value)
	if vm == nil {
		return notFound(c.This)
	}
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		quiesce := wish.quiesce && isOn(vm)
		if quiesce {
			if fault := s.freezeGuest(vm); fault != nil {
				return nil, fault
			}
		}
		ref, err := s.freezeDisks(vm, wish)
		if quiesce {
			s.guests.thaw(vm, "thaw")
			s.counters.quiesced()
		}
		if err != nil {
			return nil, fileFault(err.Error())
		}
		return ref, nil
	})
}

func (s *site) freezeDisks(vm *simulator.VirtualMachine, wish snapshotWish) (types.ManagedObjectReference, error) {
	s.files.Lock()
	defer s.files.Unlock()
	snapshot := &simulator.VirtualMachineSnapshot{}
	snapshot.Vm = vm.Self
	snapshot.Config = *vm.Config
	isTracked := vm.Config.ChangeTrackingEnabled != nil && *vm.Config.ChangeTrackingEnabled
	var failure error
	running := append([]types.BaseVirtualDevice{}, vm.Config.Hardware.Device...)
	snapshot.Config.Hardware.Device = mapDisks(running, func(disk *types.VirtualDisk, frozen *types.VirtualDiskFlatVer2BackingInfo) {
		// Independent disks have no snapshots.
		if failure != nil || strings.HasPrefix(frozen.DiskMode, "independent") {
			return
		}
		next, err := s.freeze(disk, frozen.FileName)
		if err != nil {
			failure = err
			return
		}
		live := *frozen
		live.FileName = next
		live.Parent = s.parentBacking(live)
		if isTracked {
			frozen.ChangeId, live.ChangeId, failure = s.tracking.next(s.folder, diskId(vm.Self, disk.Key), flatOf(s.local(frozen.FileName)))
		}
		for at, device := range running {
			if device.GetVirtualDevice().Key == disk.Key {
				running[at] = withBacking(*disk, live)
			}
		}
	})
	if failure != nil {
		return types.ManagedObjectReference{}, failure
	}
	ref := simulator.Map.Put(snapshot).Reference()
	s.snapshots.ids[vm.Self]++
	s.growTree(vm, snapshot, types.VirtualMachineSnapshotTree{
		Snapshot:        ref,
		Vm:              vm.Self,
		Name:            wish.name,
		Description:     wish.description,
		Id:              s.snapshots.ids[vm.Self],
		CreateTime:      time.Now(),
		State:           vm.Runtime.PowerState,
		Quiesced:        wish.quiesce && isOn(vm),
		ReplaySupported: types.NewBool(false),
	})
	update(vm, set("config.hardware.device", running))
	s.writeVmx(vm)
	place := snapshotPlace{vm.Self, s.hostName(vm), datastoresOf(running)}
	s.snapshots.known[ref] = place
	s.counters.snapshot(1, place.host, place.datastores)
	return ref, nil
}

// freeze leaves a disk's content under its name, and lets the machine go on in the next file of the chain.
func (s *site) freeze(disk *types.VirtualDisk, name string) (string, error) {
	next := s.nextName(name)
	base, live := s.local(name), s.local(next)
	aside := flatOf(base) + ".freezing"
	if err := copySparse(flatOf(base), aside); err != nil {
		return "", err
	}
	if err := os.Rename(flatOf(base), flatOf(live)); err != nil {
		return "", err
	}
	if err := os.Rename(aside, flatOf(base)); err != nil {
		return "", err
	}
	s.snapshots.parents[next] = name
	return next, writeDescriptor(live, capacityOf(disk), name)
}

// nextName is the first name of the chain that is free: a real host, too, uses names again.
func (s *site) nextName(name string) string {
	stem := strings.TrimSuffix(name, ".vmdk")
	if cut := len(stem) - len("-000001"); cut > 0 && stem[cut] == '-' && s.snapshots.parents[name] != "" {
		stem = stem[:cut]
	}
	for number := 1; ; number++ {
		next := fmt.Sprintf("%s-%06d.vmdk", stem, number)
		if _, err := os.Stat(s.local(next)); err != nil {
			return next
		}
	}
}
