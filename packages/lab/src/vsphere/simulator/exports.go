package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (s *site) exportMachine(r *types.ExportVm) soap.HasFault {
	vm := machineOf(r.This.Value)
	if vm == nil {
		return notFound(r.This)
	}
	if isOn(vm) {
		return fail("The attempted operation cannot be performed in the current state (Powered on).", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState})
	}
	s.files.Lock()
	defer s.files.Unlock()
	ref := s.lease(vm, vm.Config.Hardware.Device, false)
	return &methods.ExportVmBody{Res: &types.ExportVmResponse{Returnval: ref}}
}

func (s *site) exportSnapshot(r *types.ExportSnapshot) soap.HasFault {
	snapshot, ok := simulator.Map.Get(r.This).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return notFound(r.This)
	}
	s.files.Lock()
	defer s.files.Unlock()
	ref := s.lease(machineOf(snapshot.Vm.Value), snapshot.Config.Hardware.Device, false)
	return &methods.ExportSnapshotBody{Res: &types.ExportSnapshotResponse{Returnval: ref}}
}

// lease gives the URLs of the disks of a configuration, to be read or to be written.
func (s *site) lease(vm *simulator.VirtualMachine, devices []types.BaseVirtualDevice, isImport bool) types.ManagedObjectReference {
	number := s.leases.number()
	lease := &HttpNfcLease{transfers: map[string]*transfer{}}
	lease.Mode = "pushOrGet"
	lease.Info = &types.HttpNfcLeaseInfo{Entity: vm.Self}
	controllers := controllerNames(devices)
	for _, device := range devices {
		disk, backing := flatBacking(device)
		if disk == nil {
			continue
		}
		unit := int32(0)
		if disk.UnitNumber != nil {
			unit = *disk.UnitNumber
		}
		target := fmt.Sprintf("disk-%d.vmdk", len(lease.Info.DeviceUrl))
		place := fmt.Sprintf("%s:%d", controllers[disk.ControllerKey], unit)
		one := &transfer{file: backing.FileName, capacity: capacityOf(disk), isImport: isImport}
		lease.transfers[target] = one
		if !isImport {
			one.source = s.linkTo(backing.FileName, fmt.Sprintf("%d-%s", number, target))
		}
		lease.Info.TotalDiskCapacityInKB += disk.CapacityInKB
		url := types.HttpNfcLeaseDeviceUrl{
			Key:           fmt.Sprintf("/%s/%s", vm.Self.Value, place),
			Url:           fmt.Sprintf("%s/nfc/%d/%s", s.nfcBase(), number, target),
			SslThumbprint: s.sha1,
			Disk:          types.NewBool(true),
			TargetId:      target,
		}
		if isImport {
			url.ImportKey = fmt.Sprintf("/%s/%s", vm.Name, place)
		}
		lease.Info.DeviceUrl = append(lease.Info.DeviceUrl, url)
	}
	return s.leases.begin(lease, number, s.leaseSeconds)
}

// linkTo keeps a disk's content at hand until the lease is over.
func (s *site) linkTo(name, as string) string {
	link := filepath.Join(s.folder, "exports", as)
	if err := firstOf(os.MkdirAll(filepath.Dir(link), 0o700), os.Link(flatOf(s.local(name)), link)); err != nil {
		log.Print(err)
	}
	return link
}

// nfcBase is the address in URLs of leases: an ESXi host writes a star, which stands for the host that the client talks to.
func (s *site) nfcBase() string {
	if s.esx {
		return strings.Replace(s.base, "127.0.0.1", "*", 1)
	}
	return s.base
}

// controllerNames names controllers as leases do: VirtualLsiLogicController0.
func controllerNames(devices []types.BaseVirtualDevice) map[int32]string {
	names := map[int32]string{}
	for _, device := range devices {
		if controller, ok := device.(types.BaseVirtualController); ok {
			one := controller.GetVirtualController()
			kind := strings.TrimPrefix(typeText(device), "*types.")
			names[one.Key] = fmt.Sprintf("%s%d", kind, one.BusNumber)
		}
	}
	return names
}
