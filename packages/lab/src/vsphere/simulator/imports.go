package main

import (
	"context"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// importMachine makes a machine with empty disks, and a lease to write them.
func (s *site) importMachine(r *types.ImportVApp) soap.HasFault {
	spec, ok := r.Spec.(*types.VirtualMachineImportSpec)
	if !ok {
		return invalidArgument("spec")
	}
	for _, change := range spec.ConfigSpec.DeviceChange {
		device := change.GetVirtualDeviceConfigSpec()
		if disk, _ := flatBacking(device.Device); disk != nil && device.Operation == types.VirtualDeviceConfigSpecOperationAdd {
			device.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
		}
	}
	folder := r.Folder
	if folder == nil {
		if folder = machineFolder(r.This); folder == nil {
			return invalidArgument("folder")
		}
	}
	answer, err := methods.CreateVM_Task(context.Background(), s.client, &types.CreateVM_Task{
		This: *folder, Config: spec.ConfigSpec, Pool: r.This, Host: r.Host})
	if err != nil {
		return fail(err.Error(), &types.InvalidRequest{})
	}
	ref, ok := awaitTaskOf(answer.Returnval).(types.ManagedObjectReference)
	if !ok {
		return fail("The machine was not made.", failureOf(answer.Returnval))
	}
	vm := machineOf(ref.Value)
	s.settleMachine(vm)
	return &methods.ImportVAppBody{Res: &types.ImportVAppResponse{Returnval: s.lease(vm, vm.Config.Hardware.Device, true)}}
}

func failureOf(ref types.ManagedObjectReference) types.BaseMethodFault {
	if task, ok := simulator.Map.Get(ref).(*simulator.Task); ok && task.Info.Error != nil {
		return task.Info.Error.Fault
	}
	return &types.RuntimeFault{}
}

// machineFolder is the folder for machines of the data center in which something is.
func machineFolder(of types.ManagedObjectReference) *types.ManagedObjectReference {
	for at := &of; at != nil; {
		entity, ok := simulator.Map.Get(*at).(mo.Entity)
		if !ok {
			return nil
		}
		if center, ok := entity.(*simulator.Datacenter); ok {
			return &center.VmFolder
		}
		at = entity.Entity().Parent
	}
	return nil
}
