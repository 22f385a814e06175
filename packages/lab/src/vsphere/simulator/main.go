// A vCenter or ESXi host to test backups against: govmomi's simulator, with what backups need and it lacks in front of it.
// Everything runs on this machine; nothing of it is a hypervisor.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

type options struct {
	folder, certificate, apiVersion                    string
	user, password, reader, guestUser, guestPassword   string
	useTls, esx, cluster                               bool
	hosts, datastores, machines, disks, sizeMib, areas int
	leaseSeconds                                       int
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.folder, "folder", "", "existing folder of datastores, guests and temporary files")
	flag.StringVar(&o.certificate, "certificate", "", "where the certificate is written as PEM, with -tls")
	flag.BoolVar(&o.useTls, "tls", false, "HTTPS, with a certificate made now")
	flag.BoolVar(&o.esx, "esx", false, "a single ESXi host instead of a vCenter")
	flag.BoolVar(&o.cluster, "cluster", false, "the hosts are in one cluster")
	flag.StringVar(&o.apiVersion, "api", "7.0", "version of the API: 6.5, 6.7, 7.0 or 8.0")
	flag.StringVar(&o.user, "user", "administrator@vsphere.local", "user who may do everything")
	flag.StringVar(&o.password, "password", "secret", "password of both users")
	flag.StringVar(&o.reader, "reader", "reader@vsphere.local", "user who may look only")
	flag.StringVar(&o.guestUser, "guest-user", "root", "user in the guests")
	flag.StringVar(&o.guestPassword, "guest-password", "guest-secret", "password of the user in the guests")
	flag.IntVar(&o.hosts, "hosts", 1, "number of hosts")
	flag.IntVar(&o.datastores, "datastores", 1, "number of datastores")
	flag.IntVar(&o.machines, "vms", 2, "number of virtual machines")
	flag.IntVar(&o.disks, "disks", 1, "disks of each machine")
	flag.IntVar(&o.sizeMib, "disk-mib", 16, "size of each disk")
	flag.IntVar(&o.areas, "areas", 0, "most changed areas in an answer; 0 is no limit")
	flag.IntVar(&o.leaseSeconds, "lease-seconds", 300, "how long a lease lives without progress")
	flag.Parse()
	if o.folder == "" {
		log.Fatal("-folder is missing")
	}
	// What govmomi makes in the folder for temporary files goes with ours.
	o.folder, _ = filepath.Abs(o.folder)
	_ = os.Setenv("TMPDIR", o.folder)
	return o
}

// The only line of output, when everything answers.
type started struct {
	Url     string      `json:"url"`
	Control string      `json:"control"`
	Sha1    string      `json:"sha1,omitempty"`
	Sha256  string      `json:"sha256,omitempty"`
	Stores  []datastore `json:"datastores"`
}

func main() {
	o := parseOptions()
	log.SetFlags(log.Lmicroseconds)
	listener := listen()
	s := newSite(o)
	scheme := "http"
	server := &http.Server{Handler: s, ConnState: s.connections.note, ErrorLog: log.New(io.Discard, "", 0)}
	said := started{}
	if o.useTls {
		scheme = "https"
		certificate := makeCertificate(o.certificate)
		said.Sha1, said.Sha256 = certificate.sha1, certificate.sha256
		s.sha1 = said.Sha1
		server.TLSConfig = certificate.config
	}
	s.base = fmt.Sprintf("%s://%s", scheme, listener.Addr())
	if err := buildInventory(s); err != nil {
		log.Fatal(err)
	}
	go func() {
		if o.useTls {
			log.Fatal(server.ServeTLS(listener, "", ""))
		}
		log.Fatal(server.Serve(listener))
	}()
	control := listen()
	go func() { log.Fatal(http.Serve(control, controlHandler(s))) }()
	said.Url, said.Control, said.Stores = s.base+"/sdk", "http://"+control.Addr().String(), s.stores
	line, _ := json.Marshal(said)
	fmt.Println(string(line))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	<-ended
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}
