package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HttpNfcLease is a permission to read or write disks for some time; govmomi's property collector shows it.
type HttpNfcLease struct {
	mo.HttpNfcLease
	timer *time.Timer
	// By the last part of the URL.
	transfers map[string]*transfer
}

// A transfer is one disk of a lease.
type transfer struct {
	file string
	// Of an export: a link to what is read, as the snapshot may be merged with another meanwhile.
	source   string
	capacity int64
	isImport bool
	sha1     string
	size     int64
}

type leases struct {
	mutex sync.Mutex
	open  map[string]*HttpNfcLease
	// The number in the URLs, to the name.
	names map[string]string
	count int
}

func newLeases() *leases {
	return &leases{open: map[string]*HttpNfcLease{}, names: map[string]string{}}
}

// begin makes a lease that ends by itself when no progress is told.
func (l *leases) begin(lease *HttpNfcLease, number int, seconds int) types.ManagedObjectReference {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	name := fmt.Sprintf("session[%s]nfc-%d", uuidText(), number)
	l.names[fmt.Sprint(number)] = name
	ref := types.ManagedObjectReference{Type: "HttpNfcLease", Value: name}
	lease.Self = ref
	lease.State = types.HttpNfcLeaseStateReady
	lease.Info.Lease = ref
	lease.Info.LeaseTimeout = int32(seconds)
	lease.timer = time.AfterFunc(time.Duration(seconds)*time.Second, func() {
		l.end(name, types.HttpNfcLeaseStateError, &types.Timedout{})
	})
	l.open[name] = lease
	simulator.Map.Put(lease)
	return ref
}

func (l *leases) number() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.count++
	return l.count
}

func (l *leases) get(name string) *HttpNfcLease {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.open[name]
}

// transferOf finds what a URL /nfc/NUMBER/TARGET leads to.
func (l *leases) transferOf(number, target string) (*HttpNfcLease, *transfer) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	lease := l.open[l.names[number]]
	if lease == nil {
		return nil, nil
	}
	return lease, lease.transfers[target]
}

func (l *leases) end(name string, state types.HttpNfcLeaseState, fault types.BaseMethodFault) bool {
	l.mutex.Lock()
	lease := l.open[name]
	delete(l.open, name)
	l.mutex.Unlock()
	if lease == nil {
		return false
	}
	lease.timer.Stop()
	for _, one := range lease.transfers {
		if one.source != "" {
			_ = os.Remove(one.source)
		}
	}
	changes := []types.PropertyChange{set("state", state)}
	if fault != nil {
		changes = append(changes, set("error", types.LocalizedMethodFault{Fault: fault, LocalizedMessage: faultName(fault)}))
	}
	update(lease, changes...)
	return true
}

// abortAll is what an operator or a host that restarts does.
func (l *leases) abortAll() int {
	l.mutex.Lock()
	names := []string{}
	for name := range l.open {
		names = append(names, name)
	}
	l.mutex.Unlock()
	for _, name := range names {
		l.end(name, types.HttpNfcLeaseStateError, &types.TaskInProgress{})
	}
	return len(names)
}

func (l *leases) progress(r *types.HttpNfcLeaseProgress) soap.HasFault {
	lease := l.get(r.This.Value)
	if lease == nil {
		return overBy(r.This)
	}
	lease.timer.Reset(time.Duration(lease.Info.LeaseTimeout) * time.Second)
	update(lease, set("transferProgress", r.Percent))
	return &methods.HttpNfcLeaseProgressBody{Res: &types.HttpNfcLeaseProgressResponse{}}
}

func (l *leases) complete(r *types.HttpNfcLeaseComplete) soap.HasFault {
	if !l.end(r.This.Value, types.HttpNfcLeaseStateDone, nil) {
		return overBy(r.This)
	}
	return &methods.HttpNfcLeaseCompleteBody{Res: &types.HttpNfcLeaseCompleteResponse{}}
}

func (l *leases) abort(r *types.HttpNfcLeaseAbort) soap.HasFault {
	var fault types.BaseMethodFault = &types.RequestCanceled{}
	if r.Fault != nil {
		fault = r.Fault.Fault
	}
	if !l.end(r.This.Value, types.HttpNfcLeaseStateError, fault) {
		return overBy(r.This)
	}
	return &methods.HttpNfcLeaseAbortBody{Res: &types.HttpNfcLeaseAbortResponse{}}
}

func (l *leases) manifest(r *types.HttpNfcLeaseGetManifest) soap.HasFault {
	lease := l.get(r.This.Value)
	if lease == nil {
		return overBy(r.This)
	}
	answer := &types.HttpNfcLeaseGetManifestResponse{}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, url := range lease.Info.DeviceUrl {
		one := lease.transfers[url.TargetId]
		if one == nil || one.sha1 == "" {
			continue
		}
		capacity := one.capacity
		answer.Returnval = append(answer.Returnval, types.HttpNfcLeaseManifestEntry{
			Key: url.Key, Sha1: one.sha1, Size: one.size, Disk: true, Capacity: capacity})
	}
	return &methods.HttpNfcLeaseGetManifestBody{Res: answer}
}

func overBy(ref types.ManagedObjectReference) soap.HasFault {
	if lease, ok := simulator.Map.Get(ref).(*HttpNfcLease); ok {
		return fail("The lease is over: "+string(lease.State), &types.InvalidState{})
	}
	return notFound(ref)
}
