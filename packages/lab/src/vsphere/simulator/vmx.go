package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// writeVmx writes the configuration file, which govmomi's simulator leaves empty.
func (s *site) writeVmx(vm *simulator.VirtualMachine) {
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	var text strings.Builder
	line := func(key string, value interface{}) { fmt.Fprintf(&text, "%s = \"%v\"\n", key, value) }
	line(".encoding", "UTF-8")
	line("config.version", 8)
	line("virtualHW.version", 14)
	line("displayName", vm.Name)
	line("guestOS", "other-64")
	line("memSize", vm.Config.Hardware.MemoryMB)
	line("numvcpus", vm.Config.Hardware.NumCPU)
	line("uuid.bios", vmxUuid(vm.Config.Uuid))
	line("vc.uuid", vmxUuid(vm.Config.InstanceUuid))
	// BIOS is what an entry that is missing means; libvirt knows no other way to say it.
	if vm.Config.Firmware == string(types.GuestOsDescriptorFirmwareTypeEfi) {
		line("firmware", vm.Config.Firmware)
	}
	if vm.Config.ChangeTrackingEnabled != nil && *vm.Config.ChangeTrackingEnabled {
		line("ctkEnabled", "TRUE")
	}
	s.writeDisks(vm, path.Dir(home.Path), home.Datastore, line)
	if err := os.WriteFile(s.local(vm.Config.Files.VmPathName), []byte(text.String()), 0o600); err != nil {
		log.Print(err)
	}
}

func (s *site) writeDisks(vm *simulator.VirtualMachine, folder, store string, line func(string, interface{})) {
	buses := map[int32]int32{}
	for _, device := range vm.Config.Hardware.Device {
		kind := scsiKind(device)
		if kind == "" {
			continue
		}
		controller := device.(types.BaseVirtualController).GetVirtualController()
		buses[controller.Key] = controller.BusNumber
		line(fmt.Sprintf("scsi%d.present", controller.BusNumber), "TRUE")
		line(fmt.Sprintf("scsi%d.virtualDev", controller.BusNumber), kind)
	}
	for _, device := range vm.Config.Hardware.Device {
		disk, backing := flatBacking(device)
		if disk == nil || disk.UnitNumber == nil {
			continue
		}
		bus, isScsi := buses[disk.ControllerKey]
		if !isScsi {
			continue
		}
		place := fmt.Sprintf("scsi%d:%d", bus, *disk.UnitNumber)
		var file object.DatastorePath
		file.FromString(backing.FileName)
		name := path.Base(file.Path)
		if path.Dir(file.Path) != folder || file.Datastore != store {
			name = fmt.Sprintf("/vmfs/volumes/%s/%s", file.Datastore, file.Path)
		}
		line(place+".present", "TRUE")
		line(place+".deviceType", "scsi-hardDisk")
		line(place+".fileName", name)
	}
}

func scsiKind(device types.BaseVirtualDevice) string {
	switch device.(type) {
	case *types.ParaVirtualSCSIController:
		return "pvscsi"
	case *types.VirtualLsiLogicController:
		return "lsilogic"
	case *types.VirtualLsiLogicSASController:
		return "lsisas1068"
	case *types.VirtualBusLogicController:
		return "buslogic"
	}
	return ""
}

// vmxUuid writes a UUID as VMX files have it: "56 4d … -…".
func vmxUuid(uuid string) string {
	digits := strings.ReplaceAll(uuid, "-", "")
	if len(digits) != 32 {
		return ""
	}
	var parts []string
	for at := 0; at < 32; at += 2 {
		parts = append(parts, digits[at:at+2])
	}
	return strings.Join(parts[:8], " ") + "-" + strings.Join(parts[8:], " ")
}

// prepareRegistration makes files that govmomi's simulator insists on, and a real host makes when they are missing.
func (s *site) prepareRegistration(r *types.RegisterVM_Task) {
	vmx := s.local(r.Path)
	if _, err := os.Stat(vmx); err != nil {
		return
	}
	name := r.Name
	if name == "" {
		name = path.Base(path.Dir(vmx))
	}
	for _, missing := range []string{name + ".nvram", "vmware.log"} {
		file, err := os.OpenFile(path.Join(path.Dir(vmx), missing), os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			_ = file.Close()
		}
	}
}

var vmxLine = regexp.MustCompile(`(?m)^\s*([\w.:]+)\s*=\s*"([^"]*)"`)

// readVmx gives a machine that was registered what its VMX says: govmomi's simulator looks only whether that file is there.
func (s *site) readVmx(vm *simulator.VirtualMachine) {
	if vm == nil {
		return
	}
	text, err := os.ReadFile(s.local(vm.Config.Files.VmPathName))
	if err != nil {
		return
	}
	values := map[string]string{}
	for _, found := range vmxLine.FindAllStringSubmatch(string(text), -1) {
		values[strings.ToLower(found[1])] = found[2]
	}
	spec := types.VirtualMachineConfigSpec{DeviceChange: s.disksOf(vm, values)}
	if memory, err := strconv.ParseInt(values["memsize"], 10, 64); err == nil {
		spec.MemoryMB = memory
	}
	if count, err := strconv.ParseInt(values["numvcpus"], 10, 32); err == nil {
		spec.NumCPUs = int32(count)
	}
	answer, err := methods.ReconfigVM_Task(context.Background(), s.client, &types.ReconfigVM_Task{This: vm.Self, Spec: spec})
	if err != nil {
		log.Print(err)
		return
	}
	awaitTaskOf(answer.Returnval)
	s.settleMachine(vm)
}

func (s *site) disksOf(vm *simulator.VirtualMachine, values map[string]string) []types.BaseVirtualDeviceConfigSpec {
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	var changes []types.BaseVirtualDeviceConfigSpec
	add := func(device types.BaseVirtualDevice) {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device})
	}
	for bus := int32(0); bus < 4; bus++ {
		if strings.ToUpper(values[fmt.Sprintf("scsi%d.present", bus)]) != "TRUE" {
			continue
		}
		key := 1000 + bus
		controller := types.VirtualSCSIController{
			SharedBus:         types.VirtualSCSISharingNoSharing,
			VirtualController: types.VirtualController{BusNumber: bus, VirtualDevice: types.VirtualDevice{Key: key}},
		}
		if values[fmt.Sprintf("scsi%d.virtualdev", bus)] == "pvscsi" {
			add(&types.ParaVirtualSCSIController{VirtualSCSIController: controller})
		} else {
			add(&types.VirtualLsiLogicController{VirtualSCSIController: controller})
		}
		for unit := int32(0); unit < 16; unit++ {
			name := values[fmt.Sprintf("scsi%d:%d.filename", bus, unit)]
			if !strings.HasSuffix(name, ".vmdk") {
				continue
			}
			number := unit
			full := fmt.Sprintf("[%s] %s", home.Datastore, path.Join(path.Dir(home.Path), name))
			if volume := strings.TrimPrefix(name, "/vmfs/volumes/"); volume != name {
				parts := strings.SplitN(volume, "/", 2)
				full = fmt.Sprintf("[%s] %s", parts[0], parts[1])
			}
			add(&types.VirtualDisk{VirtualDevice: types.VirtualDevice{
				Key: 2000 + bus*16 + unit, ControllerKey: key, UnitNumber: &number,
				Backing: &types.VirtualDiskFlatVer2BackingInfo{
					DiskMode:                     "persistent",
					VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: full},
				},
			}})
		}
	}
	return changes
}
