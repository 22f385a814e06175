package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

const sector = 512

// local tells where a file of a datastore is: "[name] folder/file" is a file below the folder of that datastore.
func (s *site) local(name string) string {
	var at object.DatastorePath
	if !at.FromString(name) {
		return ""
	}
	return s.localAt(at.Datastore, at.Path)
}

func (s *site) localAt(store, file string) string {
	for _, one := range s.stores {
		if one.Name == store {
			// Cleaned as an absolute path first: nothing leads out of the datastore.
			return filepath.Join(one.Folder, filepath.Clean("/"+file))
		}
	}
	return ""
}

func datastoreOf(name string) string {
	var at object.DatastorePath
	at.FromString(name)
	return at.Datastore
}

func flatOf(descriptor string) string { return strings.TrimSuffix(descriptor, ".vmdk") + "-flat.vmdk" }

// flatBacking is the backing of a disk that is files of a datastore.
func flatBacking(device types.BaseVirtualDevice) (*types.VirtualDisk, *types.VirtualDiskFlatVer2BackingInfo) {
	disk, isDisk := device.(*types.VirtualDisk)
	if !isDisk {
		return nil, nil
	}
	backing, isFlat := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !isFlat {
		return nil, nil
	}
	return disk, backing
}

// withBacking copies a disk: a device belongs to one configuration only, the machine's or that of a snapshot.
func withBacking(disk types.VirtualDisk, backing types.VirtualDiskFlatVer2BackingInfo) *types.VirtualDisk {
	disk.Backing = &backing
	return &disk
}

func capacityOf(disk *types.VirtualDisk) int64 {
	if disk.CapacityInBytes != 0 {
		return disk.CapacityInBytes
	}
	return disk.CapacityInKB * 1024
}

// writeDescriptor writes the text file of a disk as ESXi does.
func writeDescriptor(file string, capacity int64, parent string) error {
	sectors := capacity / sector
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
createType="vmfs"

# Extent description
RW %d VMFS "%s"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.thinProvisioned = "1"
ddb.virtualHWVersion = "14"
`, sectors, path.Base(flatOf(file)), sectors/255/63+1)
	if parent != "" {
		text += fmt.Sprintf("# lab: the parent was %s\n", parent)
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

var extentLine = regexp.MustCompile(`(?m)^RW (\d+) (?:VMFS|FLAT) "([^"]+)"`)

// readDescriptor tells the capacity that a descriptor declares; its one extent has to be there and as large.
func readDescriptor(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	found := extentLine.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%s has no extent of VMFS", file)
	}
	sectors, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		return 0, err
	}
	extent, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.Base(string(found[2]))))
	if err != nil {
		return 0, err
	}
	if extent.Size() < sectors*sector {
		return 0, fmt.Errorf("%s is shorter than %s says", extent.Name(), file)
	}
	return sectors * sector, nil
}

// copySparse copies a file with its holes.
func copySparse(from, to string) error {
	out, err := exec.Command("cp", "--sparse=auto", "--reflink=auto", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp %s %s: %s", from, to, out)
	}
	return nil
}

// makeEmpty makes the files of a new disk: govmomi's simulator makes them, of no bytes.
func makeEmpty(descriptor string, capacity int64) error {
	if info, err := os.Stat(descriptor); err == nil && info.Size() > 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(descriptor), 0o700); err != nil {
		return err
	}
	flat, err := os.OpenFile(flatOf(descriptor), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer flat.Close()
	if err := flat.Truncate(capacity); err != nil {
		return err
	}
	return writeDescriptor(descriptor, capacity, "")
}
