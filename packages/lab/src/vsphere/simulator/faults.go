package main

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A methodFault lets the next calls of a method fail, or the tasks that they make.
type methodFault struct {
	Method string     `json:"method"`
	Times  int        `json:"times"`
	Skip   int        `json:"skip"`
	InTask bool       `json:"inTask"`
	Fault  namedFault `json:"fault"`
}

// A methodDelay lets the next calls of a method take longer, or the tasks that they make.
type methodDelay struct {
	Method string `json:"method"`
	Times  int    `json:"times"`
	InTask bool   `json:"inTask"`
	Ms     int    `json:"ms"`
}

// A transferTrouble is for the next answers of /folder or /nfc whose path contains a text: a status, or a body that is cut or stalls.
type transferTrouble struct {
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Times   int    `json:"times"`
	Status  int    `json:"status"`
	After   int64  `json:"after"`
	StallMs int    `json:"stallMs"`
}

type faults struct {
	mutex        sync.Mutex
	calls        []*methodFault
	delays       []*methodDelay
	transfers    []*transferTrouble
	changedAreas int
}

func (f *faults) reset() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls, f.delays, f.transfers = nil, nil, nil
}

func (f *faults) add(one *methodFault) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	one.Times = atLeastOnce(one.Times)
	f.calls = append(f.calls, one)
}

func (f *faults) addDelay(one *methodDelay) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	one.Times = atLeastOnce(one.Times)
	f.delays = append(f.delays, one)
}

func (f *faults) addTrouble(one *transferTrouble) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	one.Times = atLeastOnce(one.Times)
	f.transfers = append(f.transfers, one)
}

func atLeastOnce(times int) int {
	if times == 0 {
		return 1
	}
	return times
}

// take uses up one time of the first fault that fits.
func (f *faults) take(method string, inTask bool) *methodFault {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, one := range f.calls {
		if one.Method != method || one.InTask != inTask || one.Times <= 0 {
			continue
		}
		if one.Skip > 0 {
			one.Skip--
			return nil
		}
		one.Times--
		return one
	}
	return nil
}

func (f *faults) ofCall(method string) soap.HasFault {
	one := f.take(method, false)
	if one == nil {
		return nil
	}
	value, err := one.Fault.value()
	if err != nil {
		return fail(err.Error(), &types.InvalidRequest{})
	}
	return &failed{simulator.Fault(one.Fault.Message, value)}
}

// ofTask is the fault of the task that a call makes, where there is one.
func (f *faults) ofTask(method string) types.BaseMethodFault {
	one := f.take(method, true)
	if one == nil {
		return nil
	}
	value, err := one.Fault.value()
	if err != nil {
		return &types.InvalidRequest{}
	}
	return value
}

func (f *faults) delay(method string)     { f.sleep(method, false) }
func (f *faults) delayTask(method string) { f.sleep(method, true) }

func (f *faults) sleep(method string, inTask bool) {
	f.mutex.Lock()
	total := 0
	for _, one := range f.delays {
		if one.Method == method && one.InTask == inTask && one.Times > 0 {
			one.Times--
			total += one.Ms
		}
	}
	f.mutex.Unlock()
	time.Sleep(time.Duration(total) * time.Millisecond)
}

func (f *faults) takeTransfer(kind string, r *http.Request, wantsStatus bool) *transferTrouble {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, one := range f.transfers {
		fits := one.Kind == kind && strings.Contains(r.URL.Path, one.Path)
		if !fits || one.Times <= 0 || (one.Status != 0) != wantsStatus {
			continue
		}
		one.Times--
		copied := *one
		return &copied
	}
	return nil
}

func (f *faults) statusOf(kind string, r *http.Request) int {
	if one := f.takeTransfer(kind, r, true); one != nil {
		return one.Status
	}
	return 0
}

func (f *faults) troubleOf(kind string, r *http.Request) *transferTrouble {
	return f.takeTransfer(kind, r, false)
}

func (f *faults) areaLimit() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.changedAreas
}

func (f *faults) limitAreas(most int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.changedAreas = most
}
