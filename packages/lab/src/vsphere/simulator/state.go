package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type machineState struct {
	Name        string      `json:"name"`
	Ref         string      `json:"ref"`
	Power       string      `json:"power"`
	Host        string      `json:"host"`
	GuestFolder string      `json:"guestFolder"`
	Tracking    bool        `json:"tracking"`
	Needs       bool        `json:"consolidationNeeded"`
	Snapshots   int         `json:"snapshots"`
	Disks       []diskState `json:"disks"`
}

type diskState struct {
	Key      int32  `json:"key"`
	File     string `json:"file"`
	Live     string `json:"live"`
	Bytes    int64  `json:"bytes"`
	ChangeId string `json:"changeId"`
}

func (s *site) state() []machineState {
	s.files.Lock()
	defer s.files.Unlock()
	states := []machineState{}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		one := machineState{
			Name: vm.Name, Ref: vm.Self.Value, Power: string(vm.Runtime.PowerState), Host: s.hostName(vm),
			GuestFolder: s.guests.folderOf(vm), Snapshots: len(s.snapshots.of(vm.Self)), Disks: []diskState{},
		}
		one.Tracking = isTrue(vm.Config.ChangeTrackingEnabled)
		one.Needs = isTrue(vm.Runtime.ConsolidationNeeded)
		for _, device := range vm.Config.Hardware.Device {
			if disk, backing := flatBacking(device); disk != nil {
				one.Disks = append(one.Disks, s.diskState(disk, backing))
			}
		}
		states = append(states, one)
	}
	return states
}

func (s *site) diskState(disk *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) diskState {
	return diskState{disk.Key, backing.FileName, flatOf(s.local(backing.FileName)), capacityOf(disk), backing.ChangeId}
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
