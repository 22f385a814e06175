package main

import (
	"bytes"
	"net/http/httptest"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ownMethod answers what govmomi's simulator lacks or does otherwise than a real server; nil lets that one answer.
func (s *site) ownMethod(c *call) soap.HasFault {
	if fault := s.faults.ofTask(c.Name); fault != nil {
		return s.startTask(c, c.This, func() (types.AnyType, types.BaseMethodFault) { return nil, fault })
	}
	switch r := c.Body.(type) {
	case *types.Login:
		if !s.sessions.accepts(r.UserName, r.Password) {
			return fail("Cannot complete login due to an incorrect user name or password.", &types.InvalidLogin{})
		}
	case *types.ContinueRetrievePropertiesEx:
		return s.pages.next(c, r)
	case *types.CancelRetrievePropertiesEx:
		return s.pages.cancel(c, r)
	case *types.QueryChangedDiskAreas:
		return s.queryChangedDiskAreas(r)
	case *types.CreateSnapshot_Task:
		wish := snapshotWish{name: r.Name, quiesce: r.Quiesce, memory: r.Memory, description: r.Description}
		return s.createSnapshot(c, wish)
	case *types.CreateSnapshotEx_Task:
		wish := snapshotWish{name: r.Name, quiesce: r.QuiesceSpec != nil, memory: r.Memory, description: r.Description}
		return s.createSnapshot(c, wish)
	case *types.RemoveSnapshot_Task:
		return s.removeSnapshot(c, r)
	case *types.RemoveAllSnapshots_Task:
		return s.removeAllSnapshots(c, r)
	case *types.RevertToSnapshot_Task:
		return s.revertToSnapshot(c, r)
	case *types.ConsolidateVMDisks_Task:
		return s.consolidate(c)
	case *types.RelocateVM_Task:
		return s.relocate(c, r.Spec)
	case *types.MigrateVM_Task:
		return s.relocate(c, types.VirtualMachineRelocateSpec{Host: r.Host, Pool: r.Pool})
	case *types.ExportVm:
		return s.exportMachine(r)
	case *types.ExportSnapshot:
		return s.exportSnapshot(r)
	case *types.ImportVApp:
		return s.importMachine(r)
	case *types.HttpNfcLeaseProgress:
		return s.leases.progress(r)
	case *types.HttpNfcLeaseComplete:
		return s.leases.complete(r)
	case *types.HttpNfcLeaseAbort:
		return s.leases.abort(r)
	case *types.HttpNfcLeaseGetManifest:
		return s.leases.manifest(r)
	case *types.ValidateCredentialsInGuest:
		if _, fault := s.guestOf(r.Vm, r.Auth); fault != nil {
			return fault
		}
		return &methods.ValidateCredentialsInGuestBody{Res: &types.ValidateCredentialsInGuestResponse{}}
	case *types.StartProgramInGuest:
		return s.startProgram(r)
	case *types.ListProcessesInGuest:
		return s.listProcesses(r)
	case *types.TerminateProcessInGuest:
		return s.terminateProcess(r)
	case *types.SearchDatastore_Task:
		c.text = wishForAll(c.text, r.SearchSpec)
	case *types.SearchDatastoreSubFolders_Task:
		c.text = wishForAll(c.text, r.SearchSpec)
	case *types.DeleteDatastoreFile_Task:
		return s.refuseLockedFiles(c, r.Name)
	case *types.RegisterVM_Task:
		s.prepareRegistration(r)
	case *types.CreateVM_Task:
		return s.refuseMissingDisks(c, r.Config)
	case *types.ReconfigVM_Task:
		return s.refuseMissingDisks(c, r.Spec)
	}
	return nil
}

// wishForAll asks for all files where a search names none: govmomi's simulator finds nothing then, or breaks down.
func wishForAll(text []byte, spec *types.HostDatastoreBrowserSearchSpec) []byte {
	all := "<matchPattern>*</matchPattern></searchSpec>"
	switch {
	case spec == nil:
		return bytes.Replace(text, []byte("</datastorePath>"), []byte("</datastorePath><searchSpec>"+all), 1)
	case len(spec.MatchPattern) == 0:
		text = bytes.Replace(text, []byte("<searchSpec/>"), []byte("<searchSpec></searchSpec>"), 1)
		return bytes.Replace(text, []byte("</searchSpec>"), []byte(all), 1)
	}
	return text
}

// afterPassing adds to what govmomi's simulator did.
func (s *site) afterPassing(w *httptest.ResponseRecorder, c *call) {
	if w.Code != 200 {
		return
	}
	switch r := c.Body.(type) {
	case *types.Login:
		for _, cookie := range w.Result().Cookies() {
			if cookie.Name == soap.SessionCookieName {
				s.sessions.begin(cookie.Value, r.UserName)
			}
		}
	case *types.Logout:
		s.sessions.end(c.cookie)
	case *types.RetrievePropertiesEx:
		s.cutIntoPages(w, c, r)
	case *types.ReconfigVM_Task:
		s.awaitTask(w)
		s.settleTracking(c.This, r.Spec.ChangeTrackingEnabled)
		s.settleMachine(machineOf(c.This.Value))
	case *types.CreateVM_Task:
		if ref, ok := s.awaitTask(w).(types.ManagedObjectReference); ok {
			s.settleMachine(machineOf(ref.Value))
		}
	case *types.RegisterVM_Task:
		if ref, ok := s.awaitTask(w).(types.ManagedObjectReference); ok {
			s.readVmx(machineOf(ref.Value))
		}
	case *types.Destroy_Task, *types.UnregisterVM:
		s.awaitTask(w)
		s.forgetMachine(c.This)
	}
}
