package main

import (
	"os"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (s *site) removeSnapshot(c *call, r *types.RemoveSnapshot_Task) soap.HasFault {
	snapshot, ok := simulator.Map.Get(r.This).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return notFound(r.This)
	}
	vm := machineOf(snapshot.Vm.Value)
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		s.files.Lock()
		defer s.files.Unlock()
		gone := []types.ManagedObjectReference{r.This}
		if r.RemoveChildren {
			gone = append(gone, below(vm, r.This)...)
		}
		return nil, s.dropSnapshots(vm, gone, r.Consolidate == nil || *r.Consolidate)
	})
}

func (s *site) removeAllSnapshots(c *call, r *types.RemoveAllSnapshots_Task) soap.HasFault {
	vm := machineOf(r.This.Value)
	if vm == nil {
		return notFound(r.This)
	}
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		s.files.Lock()
		defer s.files.Unlock()
		if vm.Snapshot == nil {
			return nil, nil
		}
		var all []types.ManagedObjectReference
		for _, root := range vm.Snapshot.RootSnapshotList {
			all = append(append(all, root.Snapshot), below(vm, root.Snapshot)...)
		}
		return nil, s.dropSnapshots(vm, all, r.Consolidate == nil || *r.Consolidate)
	})
}

// consolidate merges what a removal has left.
func (s *site) consolidate(c *call) soap.HasFault {
	vm := machineOf(c.This.Value)
	if vm == nil {
		return notFound(c.This)
	}
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		s.files.Lock()
		defer s.files.Unlock()
		left := s.snapshots.leftover[vm.Self]
		delete(s.snapshots.leftover, vm.Self)
		for _, name := range left {
			if err := s.merge(vm, name); err != nil {
				return nil, fileFault(err.Error())
			}
		}
		update(vm, set("runtime.consolidationNeeded", false))
		s.writeVmx(vm)
		return nil, nil
	})
}

func (s *site) dropSnapshots(vm *simulator.VirtualMachine, refs []types.ManagedObjectReference, isMerged bool) types.BaseMethodFault {
	var names []string
	for _, ref := range refs {
		snapshot, ok := simulator.Map.Get(ref).(*simulator.VirtualMachineSnapshot)
		if !ok {
			return &types.ManagedObjectNotFound{Obj: ref}
		}
		for _, device := range snapshot.Config.Hardware.Device {
			if _, backing := flatBacking(device); backing != nil && s.isFrozen(backing.FileName) {
				names = append(names, backing.FileName)
			}
		}
		s.cutTree(vm, ref)
		simulator.Map.Remove(ref)
		s.forgetSnapshot(ref)
	}
	if !isMerged {
		s.snapshots.leftover[vm.Self] = append(s.snapshots.leftover[vm.Self], names...)
		update(vm, set("runtime.consolidationNeeded", true))
		return nil
	}
	// From the newest: so no name that is still to come is gone when it is its turn.
	for at := len(names) - 1; at >= 0; at-- {
		if err := s.merge(vm, names[at]); err != nil {
			return fileFault(err.Error())
		}
	}
	s.writeVmx(vm)
	return nil
}

func (s *site) forgetSnapshot(ref types.ManagedObjectReference) {
	place, known := s.snapshots.known[ref]
	if !known {
		return
	}
	delete(s.snapshots.known, ref)
	s.counters.snapshot(-1, place.host, place.datastores)
}

func (s *site) isFrozen(name string) bool {
	for _, parent := range s.snapshots.parents {
		if parent == name {
			return true
		}
	}
	return false
}

// merge gives a file whose snapshot is gone the content of the one that goes on from it, which then has its name.
func (s *site) merge(vm *simulator.VirtualMachine, name string) error {
	var children []string
	for child, parent := range s.snapshots.parents {
		if parent == name {
			children = append(children, child)
		}
	}
	switch len(children) {
	case 0:
		s.dropFile(name)
		return nil
	case 1:
	default:
		// After a return to a snapshot two chains go on from it.
		return nil
	}
	child := children[0]
	if err := os.Rename(flatOf(s.local(child)), flatOf(s.local(name))); err != nil {
		return err
	}
	_ = os.Remove(s.local(child))
	delete(s.snapshots.parents, child)
	for other, parent := range s.snapshots.parents {
		if parent == child {
			s.snapshots.parents[other] = name
		}
	}
	s.renameInConfigs(vm, child, name)
	return nil
}

func (s *site) dropFile(name string) {
	_ = os.Remove(s.local(name))
	_ = os.Remove(flatOf(s.local(name)))
	delete(s.snapshots.parents, name)
}

// renameInConfigs changes a file's name in the machine's configuration, and in those of its snapshots.
func (s *site) renameInConfigs(vm *simulator.VirtualMachine, old, name string) {
	rename := func(_ *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) {
		if backing.FileName == old {
			backing.FileName = name
		}
		backing.Parent = s.parentBacking(*backing)
	}
	s.changeConfigs(vm, rename)
}

func (s *site) changeConfigs(vm *simulator.VirtualMachine, change func(*types.VirtualDisk, *types.VirtualDiskFlatVer2BackingInfo)) {
	for _, ref := range s.snapshots.of(vm.Self) {
		if snapshot, ok := simulator.Map.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
			update(snapshot, set("config.hardware.device", mapDisks(snapshot.Config.Hardware.Device, change)))
		}
	}
	update(vm, set("config.hardware.device", mapDisks(vm.Config.Hardware.Device, change)))
}

// parentBacking is the chain below a file, as a configuration shows it.
func (s *site) parentBacking(backing types.VirtualDiskFlatVer2BackingInfo) *types.VirtualDiskFlatVer2BackingInfo {
	parent, has := s.snapshots.parents[backing.FileName]
	if !has {
		return nil
	}
	backing.FileName, backing.ChangeId = parent, ""
	backing.Parent = s.parentBacking(backing)
	return &backing
}
