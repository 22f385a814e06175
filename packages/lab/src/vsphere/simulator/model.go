package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	// Tags by the REST interface.
	_ "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// buildInventory makes data center, hosts, datastores and machines, and the server behind ours.
func buildInventory(s *site) error {
	model := simulator.VPX()
	if s.esx {
		model = simulator.ESX()
	}
	model.Host, model.Cluster, model.ClusterHost = s.hosts, 0, 0
	if s.cluster {
		model.Host, model.Cluster, model.ClusterHost = 0, 1, s.hosts
	}
	model.Machine, model.Datastore = 0, 0
	model.ServiceContent.About.ApiVersion, model.ServiceContent.About.Version = apiVersionOf(s.apiVersion)
	about := &model.ServiceContent.About
	about.FullName = fmt.Sprintf("%s %s build-%s", about.Name, about.Version, about.Build)
	about.InstanceUuid = uuidText()
	if err := model.Create(); err != nil {
		return err
	}
	client, err := vim25.NewClient(context.Background(), model.Service)
	if err != nil {
		return err
	}
	s.client = client
	if err := s.makeDatastores(); err != nil {
		return err
	}
	for number := 0; number < s.machines; number++ {
		if err := s.makeMachine(number); err != nil {
			return err
		}
	}
	model.Service.RegisterEndpoints = true
	// Its own listener is not told to anybody; what we need is its handlers.
	model.Service.NewServer()
	s.inner = model.Service.ServeMux
	return nil
}

// hostsInOrder are the hosts by their names.
func hostsInOrder() []*simulator.HostSystem {
	var hosts []*simulator.HostSystem
	for _, entity := range simulator.Map.All("HostSystem") {
		if host, ok := entity.(*simulator.HostSystem); ok {
			hosts = append(hosts, host)
		}
	}
	sort.Slice(hosts, func(a, b int) bool { return hosts[a].Name < hosts[b].Name })
	return hosts
}

func (s *site) makeDatastores() error {
	ctx := context.Background()
	for number := 0; number < s.options.datastores; number++ {
		one := datastore{Name: fmt.Sprintf("datastore%d", number+1)}
		one.Folder = filepath.Join(s.folder, "datastores", one.Name)
		if err := os.MkdirAll(one.Folder, 0o700); err != nil {
			return err
		}
		for _, host := range hostsInOrder() {
			system, err := object.NewHostSystem(s.client, host.Self).ConfigManager().DatastoreSystem(ctx)
			if err != nil {
				return err
			}
			if _, err := system.CreateLocalDatastore(ctx, one.Name, one.Folder); err != nil {
				return err
			}
		}
		s.stores = append(s.stores, one)
	}
	return nil
}

func (s *site) makeMachine(number int) error {
	ctx := context.Background()
	hosts := hostsInOrder()
	host := hosts[number%len(hosts)]
	store := s.stores[number%len(s.stores)]
	pool, err := object.NewHostSystem(s.client, host.Self).ResourcePool(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("vm%d", number+1)
	nic := esx.EthernetCard
	devices := object.VirtualDeviceList{}
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return err
	}
	// Keys as real hosts give them, and not by chance.
	scsi.GetVirtualDevice().Key = 1000
	devices = append(devices, scsi)
	for disk := 0; disk < s.disks; disk++ {
		file := fmt.Sprintf("[%s] %s/%s", store.Name, name, diskName(name, disk))
		made := devices.CreateDisk(scsi.(types.BaseVirtualController), types.ManagedObjectReference{}, file)
		made.Key = 2000 + int32(disk)
		made.CapacityInKB = int64(s.sizeMib) * 1024
		devices = append(devices, made)
	}
	devices = append(devices, &nic)
	changes, err := devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		return err
	}
	answer, err := methods.CreateVM_Task(ctx, s.client, &types.CreateVM_Task{
		This: *machineFolder(host.Self),
		Config: types.VirtualMachineConfigSpec{
			Name:         name,
			GuestId:      string(types.VirtualMachineGuestOsIdentifierOtherGuest64),
			NumCPUs:      1,
			MemoryMB:     256,
			Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s] %s/%s.vmx", store.Name, name, name)},
			DeviceChange: changes,
		},
		Pool: pool.Reference(),
		Host: &host.Self,
	})
	if err != nil {
		return err
	}
	ref, ok := awaitTaskOf(answer.Returnval).(types.ManagedObjectReference)
	if !ok {
		return fmt.Errorf("%s was not made: %T", name, failureOf(answer.Returnval))
	}
	vm := machineOf(ref.Value)
	s.settleMachine(vm)
	setTools(vm, true, true)
	power, err := methods.PowerOnVM_Task(ctx, s.client, &types.PowerOnVM_Task{This: ref})
	if err != nil {
		return err
	}
	awaitTaskOf(power.Returnval)
	return nil
}

func diskName(machine string, number int) string {
	if number == 0 {
		return machine + ".vmdk"
	}
	return fmt.Sprintf("%s_%d.vmdk", machine, number)
}

// setTools says whether VMware Tools are installed in a guest, and run there.
func setTools(vm *simulator.VirtualMachine, areInstalled, areRunning bool) {
	guest := types.GuestInfo{}
	if vm.Guest != nil {
		guest = *vm.Guest
	}
	guest.ToolsStatus, guest.ToolsRunningStatus = types.VirtualMachineToolsStatusToolsNotInstalled, string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)
	guest.ToolsVersion = "0"
	if areInstalled {
		guest.ToolsStatus, guest.ToolsVersion = types.VirtualMachineToolsStatusToolsNotRunning, "11365"
	}
	if areInstalled && areRunning {
		guest.ToolsStatus, guest.ToolsRunningStatus = types.VirtualMachineToolsStatusToolsOk, string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	}
	guest.GuestOperationsReady = types.NewBool(areInstalled && areRunning)
	update(vm, set("guest", guest))
}
