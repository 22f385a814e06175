package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"sync"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// pages are what is still to come of answers of RetrievePropertiesEx: govmomi's simulator of this version gives all at once.
type pages struct {
	mutex sync.Mutex
	rest  map[string]page
	count int
}

type page struct {
	cookie  string
	size    int
	objects []types.ObjectContent
}

func newPages() *pages { return &pages{rest: map[string]page{}} }

func (s *site) cutIntoPages(w *httptest.ResponseRecorder, c *call, r *types.RetrievePropertiesEx) {
	if r.Options.MaxObjects <= 0 {
		return
	}
	body := methods.RetrievePropertiesExBody{}
	decoder := xml.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.TypeFunc = typeByName
	if err := decoder.Decode(&soap.Envelope{Body: &body}); err != nil || body.Res == nil || body.Res.Returnval == nil {
		return
	}
	objects := body.Res.Returnval.Objects
	if len(objects) <= int(r.Options.MaxObjects) {
		return
	}
	first, token := s.pages.keep(page{c.cookie, int(r.Options.MaxObjects), objects})
	w.Body.Reset()
	s.reply(w, &methods.RetrievePropertiesExBody{Res: &types.RetrievePropertiesExResponse{
		Returnval: &types.RetrieveResult{Token: token, Objects: first}}})
}

// keep gives the first of some objects, and keeps the others, if any, under a token.
func (p *pages) keep(all page) ([]types.ObjectContent, string) {
	if len(all.objects) <= all.size {
		return all.objects, ""
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.count++
	token := fmt.Sprintf("%d", p.count)
	p.rest[token] = page{all.cookie, all.size, all.objects[all.size:]}
	return all.objects[:all.size], token
}

func (p *pages) take(cookie, token string) (page, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	one, known := p.rest[token]
	if !known || one.cookie != cookie {
		return page{}, false
	}
	delete(p.rest, token)
	return one, true
}

func (p *pages) next(c *call, r *types.ContinueRetrievePropertiesEx) soap.HasFault {
	one, known := p.take(c.cookie, r.Token)
	if !known {
		return invalidArgument("token")
	}
	objects, token := p.keep(one)
	return &methods.ContinueRetrievePropertiesExBody{Res: &types.ContinueRetrievePropertiesExResponse{
		Returnval: types.RetrieveResult{Token: token, Objects: objects}}}
}

func (p *pages) cancel(c *call, r *types.CancelRetrievePropertiesEx) soap.HasFault {
	if _, known := p.take(c.cookie, r.Token); !known {
		return invalidArgument("token")
	}
	return &methods.CancelRetrievePropertiesExBody{Res: &types.CancelRetrievePropertiesExResponse{}}
}
