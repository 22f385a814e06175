package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// A call is one request of a client, decoded.
type call struct {
	*simulator.Method
	request      *http.Request
	text         []byte
	user, cookie string
}

// What may be called without a session.
var openMethods = map[string]bool{"RetrieveServiceContent": true, "Login": true, "RetrieveInternalContent": true}

func (s *site) serveSoap(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	method, err := simulator.UnmarshalBody(typeByName, text)
	if err != nil {
		s.reply(w, fail(err.Error(), &types.InvalidRequest{}))
		return
	}
	s.counters.called(method.Name)
	c := &call{Method: method, request: r, text: text}
	c.user, c.cookie = s.sessions.of(r)
	if c.user == "" {
		// The simulator behind may know a session that is over here, and would take no second login in it.
		r.Header.Del("Cookie")
	}
	answer := httptest.NewRecorder()
	s.answer(answer, c)
	out := mend(answer.Body.Bytes())
	s.counters.talked(conversation{time.Now(), method.Name, answer.Code, string(text), string(out)})
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(out)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(out)
}

func (s *site) answer(w *httptest.ResponseRecorder, c *call) {
	s.faults.delay(c.Name)
	if fault := s.faults.ofCall(c.Name); fault != nil {
		s.reply(w, fault)
		return
	}
	if c.user == "" && !openMethods[c.Name] {
		denied := &types.NotAuthenticated{NoPermission: types.NoPermission{Object: c.This, PrivilegeId: "System.View"}}
		s.reply(w, fail("The session is not authenticated.", denied))
		return
	}
	if privilege := privilegeOf(c.Name); privilege != "" && !s.sessions.mayChange(c.user) && c.user != "" {
		denied := &types.NoPermission{Object: c.This, PrivilegeId: privilege}
		s.reply(w, fail("Permission to perform this operation was denied.", denied))
		return
	}
	if own := s.ownMethod(c); own != nil {
		s.reply(w, own)
		return
	}
	s.pass(w, c)
	s.afterPassing(w, c)
}

// pass lets govmomi's simulator answer.
func (s *site) pass(w http.ResponseWriter, c *call) {
	request := c.request.Clone(c.request.Context())
	request.Body = io.NopCloser(bytes.NewReader(c.text))
	request.ContentLength = int64(len(c.text))
	s.inner.ServeHTTP(w, request)
}

type envelope struct {
	XMLName xml.Name    `xml:"soapenv:Envelope"`
	Enc     string      `xml:"xmlns:soapenc,attr"`
	Env     string      `xml:"xmlns:soapenv,attr"`
	XSD     string      `xml:"xmlns:xsd,attr"`
	XSI     string      `xml:"xmlns:xsi,attr"`
	Body    interface{} `xml:"soapenv:Body"`
}

func (s *site) reply(w http.ResponseWriter, answer soap.HasFault) {
	status, body := http.StatusOK, interface{}(answer)
	if reason := answer.Fault(); reason != nil {
		status, body = http.StatusInternalServerError, faultBodyOf(reason)
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	err := xml.NewEncoder(&out).Encode(&envelope{
		Enc:  "http://schemas.xmlsoap.org/soap/encoding/",
		Env:  "http://schemas.xmlsoap.org/soap/envelope/",
		XSD:  "http://www.w3.org/2001/XMLSchema",
		XSI:  "http://www.w3.org/2001/XMLSchema-instance",
		Body: body,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

var (
	arrays   = regexp.MustCompile(`xsi:type="ArrayOf(\w+)"`)
	prefixes = regexp.MustCompile(` xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"`)
)

// govmomi leaves out an exit code of 0, which a real server tells.
var endings = regexp.MustCompile(`(</endTime>)(</returnval>)`)

// XML Schema's own types, which have their own prefix.
var plainTypes = map[string]string{"String": "string", "Int": "int", "Long": "long", "Short": "short", "Byte": "byte", "Boolean": "boolean"}

// mend writes types as a real server does: with the prefix xsi, and on each element of an array. libvirt insists on that.
func mend(out []byte) []byte {
	out = prefixes.ReplaceAll(out, nil)
	out = endings.ReplaceAll(out, []byte("$1<exitCode>0</exitCode>$2"))
	out = bytes.ReplaceAll(out, []byte("XMLSchema-instance:type="), []byte("xsi:type="))
	seen := map[string]bool{}
	for _, found := range arrays.FindAllSubmatch(out, -1) {
		name := string(found[1])
		if seen[name] {
			continue
		}
		seen[name] = true
		kind := name
		if plain, isPlain := plainTypes[name]; isPlain {
			name, kind = plain, "xsd:"+plain
		}
		out = bytes.ReplaceAll(out, []byte("<"+name+">"), []byte(`<`+name+` xsi:type="`+kind+`">`))
		if !strings.HasPrefix(kind, "xsd:") {
			out = bytes.ReplaceAll(out, []byte("<"+name+` type="`), []byte(`<`+name+` xsi:type="`+kind+`" type="`))
		}
	}
	return out
}
