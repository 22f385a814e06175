package main

import (
	"errors"
	"log"
	"os"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// refuseMissingDisks fails a task that wants disks which are not there: govmomi's simulator would take any name.
func (s *site) refuseMissingDisks(c *call, spec types.VirtualMachineConfigSpec) soap.HasFault {
	for _, change := range spec.DeviceChange {
		device := change.GetVirtualDeviceConfigSpec()
		disk, backing := flatBacking(device.Device)
		isExisting := device.Operation == types.VirtualDeviceConfigSpecOperationAdd && device.FileOperation == ""
		if disk == nil || !isExisting {
			continue
		}
		_, err := readDescriptor(s.local(backing.FileName))
		if err == nil {
			continue
		}
		var fault types.BaseMethodFault = &types.InvalidDiskFormat{InvalidFormat: types.InvalidFormat{VmConfigFault: types.VmConfigFault{}}}
		if errors.Is(err, os.ErrNotExist) {
			fault = &types.FileNotFound{FileFault: types.FileFault{File: backing.FileName}}
		}
		log.Printf("%s: %s", c.Name, err)
		return s.startTask(c, c.This, func() (types.AnyType, types.BaseMethodFault) { return nil, fault })
	}
	return nil
}

// settleMachine makes the files of new disks real, takes the capacity of old ones from their files, and writes the VMX.
func (s *site) settleMachine(vm *simulator.VirtualMachine) {
	if vm == nil {
		return
	}
	s.files.Lock()
	defer s.files.Unlock()
	devices := append([]types.BaseVirtualDevice{}, vm.Config.Hardware.Device...)
	for at, device := range devices {
		disk, backing := flatBacking(device)
		if disk == nil {
			continue
		}
		descriptor := s.local(backing.FileName)
		if err := makeEmpty(descriptor, capacityOf(disk)); err != nil {
			log.Print(err)
			continue
		}
		capacity, err := readDescriptor(descriptor)
		if err != nil {
			log.Print(err)
			continue
		}
		settled := withBacking(*disk, *backing)
		settled.CapacityInKB, settled.CapacityInBytes = capacity/1024, capacity
		if backing.Uuid == "" {
			settled.Backing.(*types.VirtualDiskFlatVer2BackingInfo).Uuid = "6000C29" + uuidText()[7:]
		}
		devices[at] = settled
	}
	update(vm, set("config.hardware.device", devices))
	s.writeVmx(vm)
}

// forgetMachine drops what was known of a machine that is gone.
func (s *site) forgetMachine(ref types.ManagedObjectReference) {
	if simulator.Map.Get(ref) != nil {
		return
	}
	s.files.Lock()
	defer s.files.Unlock()
	for _, snapshot := range s.snapshots.of(ref) {
		s.forgetSnapshot(snapshot)
		simulator.Map.Remove(snapshot)
	}
	s.tracking.forget(ref)
}

func (s *site) hostName(vm *simulator.VirtualMachine) string {
	if host, ok := simulator.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		return host.Name
	}
	return ""
}

// datastoresOf tells where the disks of devices are, each once.
func datastoresOf(devices []types.BaseVirtualDevice) []string {
	seen, names := map[string]bool{}, []string{}
	for _, device := range devices {
		_, backing := flatBacking(device)
		if backing == nil || seen[datastoreOf(backing.FileName)] {
			continue
		}
		name := datastoreOf(backing.FileName)
		seen[name] = true
		names = append(names, name)
	}
	return names
}

func isOn(vm *simulator.VirtualMachine) bool {
	return vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

func faultName(fault types.BaseMethodFault) string {
	return strings.TrimPrefix(strings.TrimPrefix(typeText(fault), "*"), "types.")
}

// refuseLockedFiles fails the deletion of what a running machine has: govmomi's simulator would delete it.
func (s *site) refuseLockedFiles(c *call, name string) soap.HasFault {
	target := s.local(name)
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok || !isOn(vm) {
			continue
		}
		for _, device := range vm.Config.Hardware.Device {
			_, backing := flatBacking(device)
			if backing == nil {
				continue
			}
			descriptor := s.local(backing.FileName)
			isHit := target == descriptor || target == flatOf(descriptor) || strings.HasPrefix(descriptor, target+"/")
			if target != "" && isHit {
				locked := &types.FileLocked{FileFault: types.FileFault{File: name}}
				return s.startTask(c, c.This, func() (types.AnyType, types.BaseMethodFault) { return nil, locked })
			}
		}
	}
	return nil
}
