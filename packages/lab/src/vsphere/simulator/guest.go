package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// guests are folders that stand for the file systems of guests. Programs of theirs run on this machine, in the folder.
type guests struct {
	mutex          sync.Mutex
	user, password string
	folder         string
	programs       map[types.ManagedObjectReference][]*program
}

// A program that was started in a guest.
type program struct {
	info    types.GuestProcessInfo
	command *exec.Cmd
}

const freezeLimit = 60 * time.Second

func newGuests(o options) *guests {
	return &guests{
		user:     o.guestUser,
		password: o.guestPassword,
		folder:   filepath.Join(o.folder, "guests"),
		programs: map[types.ManagedObjectReference][]*program{},
	}
}

func (g *guests) folderOf(vm *simulator.VirtualMachine) string {
	folder := filepath.Join(g.folder, vm.Name)
	_ = os.MkdirAll(folder, 0o700)
	return folder
}

// script runs pre-freeze-script or post-thaw-script as VMware Tools does; one that is not there is no failure.
func (g *guests) script(vm *simulator.VirtualMachine, name, argument string) error {
	for _, at := range []string{"", "usr/sbin"} {
		file := filepath.Join(g.folderOf(vm), at, name)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		command := exec.Command(file, argument)
		command.Dir = g.folderOf(vm)
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := command.Start(); err != nil {
			return err
		}
		timer := time.AfterFunc(freezeLimit, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
		defer timer.Stop()
		return command.Wait()
	}
	return nil
}

func (g *guests) thaw(vm *simulator.VirtualMachine, argument string) {
	_ = g.script(vm, "post-thaw-script", argument)
}

// freezeGuest asks VMware Tools to quiesce.
func (s *site) freezeGuest(vm *simulator.VirtualMachine) types.BaseMethodFault {
	switch {
	case vm.Guest == nil || vm.Guest.ToolsStatus == types.VirtualMachineToolsStatusToolsNotInstalled:
		return &types.NotSupported{}
	case !areToolsRunning(vm):
		return &types.ToolsUnavailable{}
	}
	if err := s.guests.script(vm, "pre-freeze-script", "freeze"); err != nil {
		s.guests.thaw(vm, "freezeFail")
		return &types.ApplicationQuiesceFault{}
	}
	return nil
}

func areToolsRunning(vm *simulator.VirtualMachine) bool {
	return vm.Guest != nil && vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
}

// guestOf finds the machine of a guest operation, where its guest answers and lets the user in.
func (s *site) guestOf(ref types.ManagedObjectReference, auth types.BaseGuestAuthentication) (*simulator.VirtualMachine, soap.HasFault) {
	vm := machineOf(ref.Value)
	switch {
	case vm == nil:
		return nil, notFound(ref)
	case !isOn(vm):
		return nil, fail("The attempted operation cannot be performed in the current state (Powered off).", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: vm.Runtime.PowerState})
	case !areToolsRunning(vm):
		return nil, fail("The guest operations agent could not be contacted.", &types.GuestOperationsUnavailable{})
	}
	login, ok := auth.(*types.NamePasswordAuthentication)
	if !ok {
		return nil, fail("The authentication is not supported.", &types.GuestAuthenticationChallenge{})
	}
	s.guests.mutex.Lock()
	defer s.guests.mutex.Unlock()
	if login.Username != s.guests.user || login.Password != s.guests.password {
		return nil, fail("Failed to authenticate with the guest operating system using the supplied credentials.", &types.InvalidGuestLogin{})
	}
	return vm, nil
}

func (s *site) startProgram(r *types.StartProgramInGuest) soap.HasFault {
	vm, fault := s.guestOf(r.Vm, r.Auth)
	if fault != nil {
		return fault
	}
	spec := r.Spec.GetGuestProgramSpec()
	folder := s.guests.folderOf(vm)
	path := spec.ProgramPath
	if own := filepath.Join(folder, path); isProgram(own) {
		path = own
	}
	if !isProgram(path) {
		return fail("A specified file was not found: "+spec.ProgramPath, &types.FileNotFound{FileFault: types.FileFault{File: spec.ProgramPath}})
	}
	// VMware Tools gives the arguments to a shell, too.
	command := exec.Command("/bin/sh", "-c", quoted(path)+" "+spec.Arguments)
	command.Dir = folder
	if spec.WorkingDirectory != "" {
		command.Dir = filepath.Join(folder, spec.WorkingDirectory)
	}
	command.Env = append(append(os.Environ(), "GUEST="+folder), spec.EnvVariables...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return fail(err.Error(), &types.CannotAccessFile{FileFault: types.FileFault{File: spec.ProgramPath}})
	}
	one := &program{command: command, info: types.GuestProcessInfo{
		Name:      filepath.Base(spec.ProgramPath),
		Pid:       int64(command.Process.Pid),
		Owner:     s.guests.user,
		CmdLine:   strings.TrimSpace(fmt.Sprintf("%q %s", spec.ProgramPath, spec.Arguments)),
		StartTime: time.Now(),
	}}
	s.guests.mutex.Lock()
	s.guests.programs[vm.Self] = append(s.guests.programs[vm.Self], one)
	s.guests.mutex.Unlock()
	go s.guests.await(one)
	return &methods.StartProgramInGuestBody{Res: &types.StartProgramInGuestResponse{Returnval: one.info.Pid}}
}

func (g *guests) await(one *program) {
	_ = one.command.Wait()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	ended := time.Now()
	one.info.EndTime = &ended
	one.info.ExitCode = int32(one.command.ProcessState.ExitCode())
}

func (s *site) listProcesses(r *types.ListProcessesInGuest) soap.HasFault {
	vm, fault := s.guestOf(r.Vm, r.Auth)
	if fault != nil {
		return fault
	}
	s.guests.mutex.Lock()
	defer s.guests.mutex.Unlock()
	answer := &types.ListProcessesInGuestResponse{}
	for _, one := range s.guests.programs[vm.Self] {
		if len(r.Pids) == 0 || contains(r.Pids, one.info.Pid) {
			answer.Returnval = append(answer.Returnval, one.info)
		}
	}
	return &methods.ListProcessesInGuestBody{Res: answer}
}

func (s *site) terminateProcess(r *types.TerminateProcessInGuest) soap.HasFault {
	vm, fault := s.guestOf(r.Vm, r.Auth)
	if fault != nil {
		return fault
	}
	s.guests.mutex.Lock()
	defer s.guests.mutex.Unlock()
	for _, one := range s.guests.programs[vm.Self] {
		if one.info.Pid == r.Pid && one.info.EndTime == nil {
			_ = syscall.Kill(-one.command.Process.Pid, syscall.SIGKILL)
			return &methods.TerminateProcessInGuestBody{Res: &types.TerminateProcessInGuestResponse{}}
		}
	}
	return fail("There is no such process.", &types.GuestProcessNotFound{Pid: r.Pid})
}

func isProgram(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

func contains(numbers []int64, wanted int64) bool {
	for _, number := range numbers {
		if number == wanted {
			return true
		}
	}
	return false
}
