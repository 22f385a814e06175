package main

import (
	"net/http"
	"sync"

	"github.com/vmware/govmomi/vim25/soap"
)

// sessions are the cookies that are valid, and whose they are. govmomi's simulator has its own; only those of both count.
type sessions struct {
	mutex     sync.Mutex
	passwords map[string]string
	reader    string
	users     map[string]string
}

func newSessions(o options) *sessions {
	return &sessions{
		passwords: map[string]string{o.user: o.password, o.reader: o.password},
		reader:    o.reader,
		users:     map[string]string{},
	}
}

func (s *sessions) accepts(user, password string) bool {
	expected, known := s.passwords[user]
	return known && password != "" && expected == password
}

func (s *sessions) begin(cookie, user string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users[cookie] = user
}

func (s *sessions) end(cookie string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.users, cookie)
}

func (s *sessions) expireAll() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	count := len(s.users)
	s.users = map[string]string{}
	return count
}

// of tells whose session a request belongs to, and its cookie.
func (s *sessions) of(r *http.Request) (user, cookie string) {
	sent, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return "", ""
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.users[sent.Value], sent.Value
}

// userOf also takes Basic authentication, as /folder does.
func (s *sessions) userOf(r *http.Request) string {
	if user, _ := s.of(r); user != "" {
		return user
	}
	if user, password, ok := r.BasicAuth(); ok && s.accepts(user, password) {
		return user
	}
	return ""
}

func (s *sessions) mayChange(user string) bool { return user != s.reader }

// mayUseRest looks at those only who log in: what comes after that has a session of the REST interface's own.
func (s *sessions) mayUseRest(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return !ok || s.accepts(user, password)
}
