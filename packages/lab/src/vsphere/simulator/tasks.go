package main

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// update changes properties of an object, and tells those who wait for updates.
func update(object mo.Reference, changes ...types.PropertyChange) {
	simulator.Map.WithLock(object, func() { simulator.Map.Update(object, changes) })
}

func set(name string, value types.AnyType) types.PropertyChange {
	return types.PropertyChange{Name: name, Val: value}
}

// startTask answers at once with a task, as a real server does, and does the work aside.
func (s *site) startTask(c *call, entity types.ManagedObjectReference, work func() (types.AnyType, types.BaseMethodFault)) soap.HasFault {
	task := &simulator.Task{}
	now := time.Now()
	task.Info = types.TaskInfo{
		Name:          c.Name,
		DescriptionId: entity.Type + "." + strings.TrimSuffix(c.Name, "_Task"),
		Entity:        &entity,
		EntityName:    entity.Value,
		State:         types.TaskInfoStateRunning,
		Reason:        &types.TaskReasonUser{UserName: c.user},
		QueueTime:     now,
		StartTime:     &now,
	}
	ref := simulator.Map.Put(task).Reference()
	update(task, set("info.key", ref.Value), set("info.task", ref))
	go func() {
		s.faults.delayTask(c.Name)
		result, fault := work()
		end := time.Now()
		if fault == nil {
			update(task, set("info.result", result), set("info.completeTime", end), set("info.state", types.TaskInfoStateSuccess))
			return
		}
		reason := types.LocalizedMethodFault{Fault: fault, LocalizedMessage: faultName(fault)}
		update(task, set("info.error", reason), set("info.completeTime", end), set("info.state", types.TaskInfoStateError))
	}()
	return &taskAnswer{&taskResponse{c.Name, ref}}
}

// A taskAnswer is <…_TaskResponse> of any method that makes a task.
type taskAnswer struct{ Response *taskResponse }

func (*taskAnswer) Fault() *soap.Fault { return nil }

type taskResponse struct {
	method string
	task   types.ManagedObjectReference
}

func (t *taskResponse) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	start.Name.Local = t.method + "Response"
	start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"})
	return e.EncodeElement(struct {
		Returnval types.ManagedObjectReference `xml:"returnval"`
	}{t.task}, start)
}

var taskReference = regexp.MustCompile(`<returnval[^>]* type="Task"[^>]*>([^<]+)<`)

// awaitTask waits for a task of govmomi's simulator, and returns its result where it succeeded.
func (s *site) awaitTask(w *httptest.ResponseRecorder) types.AnyType {
	found := taskReference.FindSubmatch(w.Body.Bytes())
	if found == nil {
		return nil
	}
	return awaitTaskOf(types.ManagedObjectReference{Type: "Task", Value: string(found[1])})
}

func awaitTaskOf(ref types.ManagedObjectReference) types.AnyType {
	for tries := 0; tries < 2000; tries++ {
		task, ok := simulator.Map.Get(ref).(*simulator.Task)
		if !ok {
			return nil
		}
		switch task.Info.State {
		case types.TaskInfoStateSuccess:
			return task.Info.Result
		case types.TaskInfoStateError:
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}
