package main

import (
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// relocate is vMotion, which leaves change tracking as it is, or Storage vMotion, which moves the files and lets it begin anew.
func (s *site) relocate(c *call, spec types.VirtualMachineRelocateSpec) soap.HasFault {
	vm := machineOf(c.This.Value)
	if vm == nil {
		return notFound(c.This)
	}
	return s.startTask(c, vm.Self, func() (types.AnyType, types.BaseMethodFault) {
		s.files.Lock()
		defer s.files.Unlock()
		if spec.Host != nil {
			if fault := moveToHost(vm, *spec.Host, spec.Pool); fault != nil {
				return nil, fault
			}
		}
		if spec.Datastore == nil {
			return nil, nil
		}
		store, ok := simulator.Map.Get(*spec.Datastore).(*simulator.Datastore)
		if !ok {
			return nil, &types.ManagedObjectNotFound{Obj: *spec.Datastore}
		}
		return nil, s.moveToDatastore(vm, store)
	})
}

func moveToHost(vm *simulator.VirtualMachine, ref types.ManagedObjectReference, pool *types.ManagedObjectReference) types.BaseMethodFault {
	host, ok := simulator.Map.Get(ref).(*simulator.HostSystem)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	if old, had := simulator.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); had {
		update(old, set("vm", without(old.Vm, vm.Self)))
	}
	update(host, set("vm", append(without(host.Vm, vm.Self), vm.Self)))
	changes := []types.PropertyChange{set("runtime.host", ref), set("summary.runtime.host", ref)}
	if pool != nil {
		changes = append(changes, set("resourcePool", *pool))
	}
	update(vm, changes...)
	return nil
}

func (s *site) moveToDatastore(vm *simulator.VirtualMachine, store *simulator.Datastore) types.BaseMethodFault {
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	old := home.Datastore
	if old == store.Name {
		return nil
	}
	folder := path.Dir(home.Path)
	if err := os.Rename(s.localAt(old, folder), s.localAt(store.Name, folder)); err != nil {
		return fileFault(err.Error())
	}
	from, to := "["+old+"] ", "["+store.Name+"] "
	ref := store.Self
	for child, parent := range s.snapshots.parents {
		if strings.HasPrefix(child, from+folder+"/") {
			delete(s.snapshots.parents, child)
			s.snapshots.parents[to+strings.TrimPrefix(child, from)] = to + strings.TrimPrefix(parent, from)
		}
	}
	s.changeConfigs(vm, func(_ *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) {
		if strings.HasPrefix(backing.FileName, from+folder+"/") {
			backing.FileName, backing.Datastore = to+strings.TrimPrefix(backing.FileName, from), &ref
		}
		backing.ChangeId = ""
		backing.Parent = s.parentBacking(*backing)
	})
	s.tracking.forget(vm.Self)
	files := vm.Config.Files
	move := func(name string) string {
		if strings.HasPrefix(name, from) {
			return to + strings.TrimPrefix(name, from)
		}
		return name
	}
	files.VmPathName, files.LogDirectory = move(files.VmPathName), move(files.LogDirectory)
	files.SnapshotDirectory, files.SuspendDirectory = move(files.SnapshotDirectory), move(files.SuspendDirectory)
	changes := []types.PropertyChange{
		set("config.files", files),
		set("summary.config.vmPathName", files.VmPathName),
		set("datastore", []types.ManagedObjectReference{ref}),
	}
	if vm.LayoutEx != nil {
		layout := *vm.LayoutEx
		layout.File = append([]types.VirtualMachineFileLayoutExFileInfo{}, layout.File...)
		for at := range layout.File {
			layout.File[at].Name = move(layout.File[at].Name)
		}
		changes = append(changes, set("layoutEx", layout))
	}
	update(vm, changes...)
	moveReference(vm, old, store)
	s.writeVmx(vm)
	return nil
}

func moveReference(vm *simulator.VirtualMachine, old string, store *simulator.Datastore) {
	for _, entity := range simulator.Map.All("Datastore") {
		if other, ok := entity.(*simulator.Datastore); ok && other.Name == old {
			update(other, set("vm", without(other.Vm, vm.Self)))
		}
	}
	update(store, set("vm", append(without(store.Vm, vm.Self), vm.Self)))
}

func without(refs []types.ManagedObjectReference, gone mo.Reference) []types.ManagedObjectReference {
	rest := []types.ManagedObjectReference{}
	for _, ref := range refs {
		if ref != gone.Reference() {
			rest = append(rest, ref)
		}
	}
	return rest
}
