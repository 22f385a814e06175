package main

import "strings"

// What changes something, and the privilege that it wants. What is not here everybody may do who is logged in.
var privileges = map[string]string{
	"CreateSnapshot_Task":      "VirtualMachine.State.CreateSnapshot",
	"CreateSnapshotEx_Task":    "VirtualMachine.State.CreateSnapshot",
	"RemoveSnapshot_Task":      "VirtualMachine.State.RemoveSnapshot",
	"RemoveAllSnapshots_Task":  "VirtualMachine.State.RemoveSnapshot",
	"RevertToSnapshot_Task":    "VirtualMachine.State.RevertToSnapshot",
	"ConsolidateVMDisks_Task":  "VirtualMachine.State.RemoveSnapshot",
	"ReconfigVM_Task":          "VirtualMachine.Config.ChangeTracking",
	"QueryChangedDiskAreas":    "VirtualMachine.Provisioning.DiskRandomRead",
	"ExportSnapshot":           "VApp.Export",
	"ExportVm":                 "VApp.Export",
	"ImportVApp":               "VApp.Import",
	"CreateVM_Task":            "VirtualMachine.Inventory.Create",
	"RegisterVM_Task":          "VirtualMachine.Inventory.Register",
	"UnregisterVM":             "VirtualMachine.Inventory.Unregister",
	"Destroy_Task":             "VirtualMachine.Inventory.Delete",
	"CloneVM_Task":             "VirtualMachine.Provisioning.Clone",
	"PowerOnVM_Task":           "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":          "VirtualMachine.Interact.PowerOff",
	"ShutdownGuest":            "VirtualMachine.Interact.PowerOff",
	"RelocateVM_Task":          "Resource.ColdMigrate",
	"MigrateVM_Task":           "Resource.HotMigrate",
	"StartProgramInGuest":      "VirtualMachine.GuestOperations.Execute",
	"TerminateProcessInGuest":  "VirtualMachine.GuestOperations.Execute",
	"ListProcessesInGuest":     "VirtualMachine.GuestOperations.Query",
	"DeleteDatastoreFile_Task": "Datastore.FileManagement",
	"MoveDatastoreFile_Task":   "Datastore.FileManagement",
	"CopyDatastoreFile_Task":   "Datastore.FileManagement",
	"MakeDirectory":            "Datastore.FileManagement",
	"setCustomValue":           "Global.SetCustomField",
	"SetField":                 "Global.SetCustomField",
	"AddCustomFieldDef":        "Global.ManageCustomFields",
	"CreateFolder":             "Folder.Create",
	"CreateVirtualDisk_Task":   "Datastore.FileManagement",
	"DeleteVirtualDisk_Task":   "Datastore.FileManagement",
}

func privilegeOf(method string) string {
	if privilege, known := privileges[method]; known {
		return privilege
	}
	// Whatever else makes a task changes something; looking for files is the exception.
	if strings.HasSuffix(method, "_Task") && !strings.HasPrefix(method, "SearchDatastore") {
		return "System.Modify"
	}
	return ""
}
