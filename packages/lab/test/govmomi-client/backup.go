package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// names lists machines in pages of one, and how many pages there were.
func names(ctx context.Context, client *govmomi.Client, _ []string) interface{} {
	all, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	must(err)
	collector := client.ServiceContent.PropertyCollector
	answer, err := methods.RetrievePropertiesEx(ctx, client, &types.RetrievePropertiesEx{
		This:    collector,
		Options: types.RetrieveOptions{MaxObjects: 1},
		SpecSet: []types.PropertyFilterSpec{{
			PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name", "config.hardware.device"}}},
			ObjectSet: []types.ObjectSpec{{Obj: all.Reference(), Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{
				&types.TraversalSpec{Type: "ContainerView", Path: "view"}}}},
		}},
	})
	must(err)
	found, pages := []string{}, 1
	page := *answer.Returnval
	for {
		var machines []mo.VirtualMachine
		must(mo.LoadObjectContent(page.Objects, &machines))
		for _, vm := range machines {
			found = append(found, vm.Name)
		}
		if page.Token == "" {
			return map[string]interface{}{"names": found, "pages": pages}
		}
		next, err := methods.ContinueRetrievePropertiesEx(ctx, client, &types.ContinueRetrievePropertiesEx{This: collector, Token: page.Token})
		must(err)
		page = next.Returnval
		pages++
	}
}

type diskAreas struct {
	File     string                   `json:"file"`
	ChangeId string                   `json:"changeId"`
	Pages    int                      `json:"pages"`
	Areas    []types.DiskChangeExtent `json:"areas"`
}

// areas MACHINE CHANGEID takes a quiesced snapshot, asks what changed on the first disk, and removes the snapshot.
func areas(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)})
	await(ctx, task, err)
	task, err = vm.CreateSnapshot(ctx, "govmomi", "", false, true)
	snapshot := await(ctx, task, err).(types.ManagedObjectReference)
	var config mo.VirtualMachineSnapshot
	must(vm.Properties(ctx, snapshot, []string{"config.hardware.device"}, &config))
	disk := object.VirtualDeviceList(config.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	result := diskAreas{File: backing.FileName, ChangeId: backing.ChangeId, Areas: []types.DiskChangeExtent{}}
	for offset := int64(0); offset < disk.CapacityInBytes; {
		answer, err := methods.QueryChangedDiskAreas(ctx, client, &types.QueryChangedDiskAreas{
			This: vm.Reference(), Snapshot: &snapshot, DeviceKey: disk.Key, StartOffset: offset, ChangeId: args[1]})
		if err != nil {
			task, removal := vm.RemoveSnapshot(ctx, snapshot.Value, false, nil)
			await(ctx, task, removal)
			must(err)
		}
		result.Pages++
		result.Areas = append(result.Areas, answer.Returnval.ChangedArea...)
		offset = answer.Returnval.StartOffset + answer.Returnval.Length
	}
	task, err = vm.RemoveSnapshot(ctx, snapshot.Value, false, nil)
	await(ctx, task, err)
	return result
}

// export MACHINE FOLDER downloads the disks of a snapshot.
func export(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	task, err := vm.CreateSnapshot(ctx, "govmomi", "", false, false)
	snapshot := await(ctx, task, err).(types.ManagedObjectReference)
	answer, err := methods.ExportSnapshot(ctx, client, &types.ExportSnapshot{This: snapshot})
	must(err)
	lease := nfc.NewLease(client.Client, answer.Returnval)
	info, err := lease.Wait(ctx, nil)
	must(err)
	updater := lease.StartUpdater(ctx, info)
	files := []string{}
	for _, item := range info.Items {
		must(lease.DownloadFile(ctx, filepath.Join(args[1], item.Path), item, soap.Download{}))
		files = append(files, item.Path)
	}
	updater.Done()
	must(lease.Complete(ctx))
	task, err = vm.RemoveSnapshot(ctx, snapshot.Value, false, nil)
	await(ctx, task, err)
	return files
}

// import NAME FILE BYTES makes a machine with one disk, and uploads a stream-optimized VMDK to it.
func importDisk(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	var bytes int64
	for _, digit := range args[2] {
		bytes = bytes*10 + int64(digit-'0')
	}
	like := machine(ctx, client, "vm1")
	pool, err := like.ResourcePool(ctx)
	must(err)
	unit := int32(0)
	spec := &types.VirtualMachineImportSpec{ConfigSpec: types.VirtualMachineConfigSpec{
		Name:    args[0],
		GuestId: "otherGuest64",
		Files:   &types.VirtualMachineFileInfo{VmPathName: "[datastore1]"},
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: &types.VirtualLsiLogicController{
				VirtualSCSIController: types.VirtualSCSIController{SharedBus: types.VirtualSCSISharingNoSharing,
					VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: 1000}}}}},
			&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: "create", Device: &types.VirtualDisk{
				CapacityInKB: bytes / 1024,
				VirtualDevice: types.VirtualDevice{Key: 2000, ControllerKey: 1000, UnitNumber: &unit, Backing: &types.VirtualDiskFlatVer2BackingInfo{
					DiskMode: "persistent", VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[datastore1]"}}},
			}},
		},
	}}
	lease, err := pool.ImportVApp(ctx, spec, nil, nil)
	must(err)
	info, err := lease.Wait(ctx, []types.OvfFileItem{{DeviceId: "/" + args[0] + "/VirtualLsiLogicController0:0", Path: args[1]}})
	must(err)
	file, err := os.Open(args[1])
	must(err)
	defer file.Close()
	size, err := file.Stat()
	must(err)
	updater := lease.StartUpdater(ctx, info)
	must(lease.Upload(ctx, info.Items[0], file, soap.Upload{ContentLength: size.Size()}))
	updater.Done()
	must(lease.Complete(ctx))
	return info.Entity.Value
}
