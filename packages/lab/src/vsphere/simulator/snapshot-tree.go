package main

import (
	"os"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type tree = []types.VirtualMachineSnapshotTree

// growTree puts a new snapshot below the current one. Trees are copied, as somebody may be reading them.
func (s *site) growTree(vm *simulator.VirtualMachine, snapshot *simulator.VirtualMachineSnapshot, node types.VirtualMachineSnapshotTree) {
	roots := tree{node}
	if vm.Snapshot != nil {
		roots = append(append(tree{}, vm.Snapshot.RootSnapshotList...), node)
		if current := vm.Snapshot.CurrentSnapshot; current != nil {
			roots = grow(vm.Snapshot.RootSnapshotList, *current, node)
			if parent, ok := simulator.Map.Get(*current).(*simulator.VirtualMachineSnapshot); ok {
				update(parent, set("childSnapshot", append(append([]types.ManagedObjectReference{}, parent.ChildSnapshot...), node.Snapshot)))
			}
		}
	}
	current := node.Snapshot
	showTree(vm, roots, &current)
}

func grow(nodes tree, below types.ManagedObjectReference, node types.VirtualMachineSnapshotTree) tree {
	grown := append(tree{}, nodes...)
	for at := range grown {
		children := grown[at].ChildSnapshotList
		if grown[at].Snapshot == below {
			grown[at].ChildSnapshotList = append(append(tree{}, children...), node)
			continue
		}
		grown[at].ChildSnapshotList = grow(children, below, node)
	}
	return grown
}

// cutTree takes a snapshot out; what was below it is below its parent then.
func (s *site) cutTree(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) {
	if vm.Snapshot == nil {
		return
	}
	current := vm.Snapshot.CurrentSnapshot
	if current != nil && *current == ref {
		current = parentIn(vm.Snapshot.RootSnapshotList, ref, nil)
	}
	showTree(vm, cut(vm.Snapshot.RootSnapshotList, ref), current)
}

func cut(nodes tree, ref types.ManagedObjectReference) tree {
	var rest tree
	for _, node := range nodes {
		if node.Snapshot == ref {
			rest = append(rest, node.ChildSnapshotList...)
			continue
		}
		node.ChildSnapshotList = cut(node.ChildSnapshotList, ref)
		rest = append(rest, node)
	}
	return rest
}

func parentIn(nodes tree, ref types.ManagedObjectReference, parent *types.ManagedObjectReference) *types.ManagedObjectReference {
	for _, node := range nodes {
		if node.Snapshot == ref {
			return parent
		}
		own := node.Snapshot
		if found := parentIn(node.ChildSnapshotList, ref, &own); found != nil {
			return found
		}
	}
	return nil
}

func below(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) []types.ManagedObjectReference {
	if vm.Snapshot == nil {
		return nil
	}
	return collect(vm.Snapshot.RootSnapshotList, ref, false)
}

func collect(nodes tree, ref types.ManagedObjectReference, isBelow bool) []types.ManagedObjectReference {
	var found []types.ManagedObjectReference
	for _, node := range nodes {
		if isBelow {
			found = append(found, node.Snapshot)
		}
		found = append(found, collect(node.ChildSnapshotList, ref, isBelow || node.Snapshot == ref)...)
	}
	return found
}

func showTree(vm *simulator.VirtualMachine, roots tree, current *types.ManagedObjectReference) {
	if len(roots) == 0 {
		update(vm, set("snapshot", nil), set("rootSnapshot", []types.ManagedObjectReference{}))
		return
	}
	refs := []types.ManagedObjectReference{}
	for _, root := range roots {
		refs = append(refs, root.Snapshot)
	}
	info := types.VirtualMachineSnapshotInfo{CurrentSnapshot: current, RootSnapshotList: roots}
	update(vm, set("snapshot", info), set("rootSnapshot", refs))
}

// revertToSnapshot goes on from what a snapshot froze; change tracking begins anew, as ids of later snapshots would lie.
func (s *site) revertToSnapshot(c *call, r *types.RevertToSnapshot_Task) soap.HasFault {
	snapshot, ok := simulator.Map.Get(r.This).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return notFound(r.This)
	}
	vm := machineOf(snapshot.Vm.Value)
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		s.files.Lock()
		defer s.files.Unlock()
		for _, device := range vm.Config.Hardware.Device {
			if _, backing := flatBacking(device); backing != nil && s.snapshots.parents[backing.FileName] != "" {
				s.dropFile(backing.FileName)
			}
		}
		var failure error
		devices := mapDisks(snapshot.Config.Hardware.Device, func(disk *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) {
			frozen := backing.FileName
			next := s.nextName(frozen)
			if err := copySparse(flatOf(s.local(frozen)), flatOf(s.local(next))); err != nil {
				failure = err
				return
			}
			s.snapshots.parents[next] = frozen
			failure = writeDescriptor(s.local(next), capacityOf(disk), frozen)
			backing.FileName = next
			backing.Parent = s.parentBacking(*backing)
		})
		if failure != nil {
			return nil, fileFault(failure.Error())
		}
		current := r.This
		update(vm, set("config.hardware.device", devices))
		showTree(vm, vm.Snapshot.RootSnapshotList, &current)
		s.resetTracking(vm)
		s.writeVmx(vm)
		return nil, nil
	})
}

// isLive tells whether a machine that runs writes to a file: a host keeps such files locked.
func (s *site) isLive(file string) bool {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok || !isOn(vm) {
			continue
		}
		for _, device := range vm.Config.Hardware.Device {
			_, backing := flatBacking(device)
			if backing != nil && sameFile(flatOf(s.local(backing.FileName)), file) {
				return true
			}
		}
	}
	return false
}

func sameFile(one, other string) bool {
	a, err := os.Stat(one)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}
