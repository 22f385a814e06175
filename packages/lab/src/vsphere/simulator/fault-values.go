package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// A namedFault is a fault of the API by its name, with its properties as JSON: what a test asks for.
type namedFault struct {
	Type       string          `json:"type"`
	Message    string          `json:"message"`
	Properties json.RawMessage `json:"properties"`
}

var typeByName = types.TypeFunc()

func (n namedFault) value() (types.BaseMethodFault, error) {
	kind, known := typeByName(n.Type)
	if !known || kind.Kind() != reflect.Struct {
		return nil, fmt.Errorf("there is no fault %q", n.Type)
	}
	value := reflect.New(kind).Interface()
	if len(n.Properties) > 0 {
		if err := json.Unmarshal(n.Properties, value); err != nil {
			return nil, err
		}
	}
	fault, ok := value.(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%s is no fault of a method", n.Type)
	}
	return fault, nil
}

// A failed call is answered with its fault.
type failed struct{ reason *soap.Fault }

func (f *failed) Fault() *soap.Fault { return f.reason }

func fail(message string, fault types.BaseMethodFault) soap.HasFault {
	return &failed{simulator.Fault(message, fault)}
}

func invalidArgument(property string) soap.HasFault {
	return fail("A specified parameter was not correct: "+property, &types.InvalidArgument{InvalidProperty: property})
}

func notFound(ref types.ManagedObjectReference) soap.HasFault {
	message := fmt.Sprintf("The object '%s:%s' has already been deleted or has not been completely created", ref.Type, ref.Value)
	return fail(message, &types.ManagedObjectNotFound{Obj: ref})
}

func fileFault(file string) types.BaseMethodFault { return &types.FileFault{File: file} }

// faultDetail is named for its fault: <FileFaultFault xsi:type="FileFault">.
type faultDetail struct{ fault types.AnyType }

func (d *faultDetail) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	kind := reflect.TypeOf(d.fault).Elem().Name()
	start.Name.Local = kind + "Fault"
	start.Attr = append(start.Attr,
		xml.Attr{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"},
		xml.Attr{Name: xml.Name{Local: "xsi:type"}, Value: kind})
	return e.EncodeElement(d.fault, start)
}

type faultBody struct {
	Fault struct {
		Code   string `xml:"faultcode"`
		String string `xml:"faultstring"`
		Detail struct {
			Fault *faultDetail
		} `xml:"detail"`
	} `xml:"soapenv:Fault"`
}

func faultBodyOf(reason *soap.Fault) *faultBody {
	body := &faultBody{}
	body.Fault.Code, body.Fault.String = "ServerFaultCode", reason.String
	body.Fault.Detail.Fault = &faultDetail{reason.Detail.Fault}
	return body
}
