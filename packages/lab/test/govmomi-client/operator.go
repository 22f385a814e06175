package main

import (
	"context"
	"net/url"
	"os"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/guest"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vapi/rest"
	tagging "github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// guest MACHINE USER PASSWORD PROGRAM ARGUMENTS runs a program in the guest until it ends.
func runInGuest(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	manager, err := guest.NewOperationsManager(client.Client, vm.Reference()).ProcessManager(ctx)
	must(err)
	login := &types.NamePasswordAuthentication{Username: args[1], Password: args[2]}
	pid, err := manager.StartProgram(ctx, login, &types.GuestProgramSpec{ProgramPath: args[3], Arguments: args[4]})
	must(err)
	for {
		found, err := manager.ListProcesses(ctx, login, []int64{pid})
		must(err)
		if found[0].EndTime != nil {
			return map[string]interface{}{"name": found[0].Name, "exitCode": found[0].ExitCode}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func destroy(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	task, err := vm.PowerOff(ctx)
	await(ctx, task, err)
	task, err = vm.Destroy(ctx)
	await(ctx, task, err)
	return true
}

// attribute MACHINE NAME VALUE gives a machine a custom attribute, and reads it.
func attribute(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	manager, err := object.GetCustomFieldsManager(client.Client)
	must(err)
	field, err := manager.Add(ctx, args[1], "VirtualMachine", nil, nil)
	must(err)
	must(manager.Set(ctx, vm.Reference(), field.Key, args[2]))
	var content mo.VirtualMachine
	must(vm.Properties(ctx, vm.Reference(), []string{"customValue"}, &content))
	values := []string{}
	for _, one := range content.CustomValue {
		values = append(values, one.(*types.CustomFieldStringValue).Value)
	}
	return values
}

// move MACHINE HOST DATASTORE is vMotion, or Storage vMotion, or both; an empty name is no move.
func move(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	finder := find.NewFinder(client.Client, false)
	center, err := finder.DefaultDatacenter(ctx)
	must(err)
	finder.SetDatacenter(center)
	spec := types.VirtualMachineRelocateSpec{}
	if args[1] != "" {
		host, err := finder.HostSystem(ctx, args[1])
		must(err)
		ref := host.Reference()
		pool, err := host.ResourcePool(ctx)
		must(err)
		poolRef := pool.Reference()
		spec.Host, spec.Pool = &ref, &poolRef
	}
	if args[2] != "" {
		store, err := finder.Datastore(ctx, args[2])
		must(err)
		ref := store.Reference()
		spec.Datastore = &ref
	}
	task, err := vm.Relocate(ctx, spec, types.VirtualMachineMovePriorityDefaultPriority)
	await(ctx, task, err)
	return true
}

// tags MACHINE NAME attaches a tag by the REST interface, and reads it.
func tags(ctx context.Context, client *govmomi.Client, args []string) interface{} {
	vm := machine(ctx, client, args[0])
	other := rest.NewClient(client.Client)
	must(other.Login(ctx, url.UserPassword(os.Args[3], os.Args[4])))
	manager := tagging.NewManager(other)
	category, err := manager.CreateCategory(ctx, &tagging.Category{Name: "backup", Cardinality: "SINGLE", AssociableTypes: []string{"VirtualMachine"}})
	must(err)
	tag, err := manager.CreateTag(ctx, &tagging.Tag{Name: args[1], CategoryID: category})
	must(err)
	must(manager.AttachTag(ctx, tag, vm.Reference()))
	attached, err := manager.GetAttachedTags(ctx, vm.Reference())
	must(err)
	found := []string{}
	for _, one := range attached {
		found = append(found, one.Name)
	}
	return found
}
