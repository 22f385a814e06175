// What govmomi's own client makes of the simulated vSphere. Prints one JSON value, which the test judges.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
)

// client URL CERTIFICATE USER PASSWORD COMMAND ARGUMENTS…
func main() {
	log.SetFlags(0)
	if len(os.Args) < 6 {
		log.Fatal("arguments are missing")
	}
	ctx := context.Background()
	client := connect(ctx, os.Args[1], os.Args[2], url.UserPassword(os.Args[3], os.Args[4]))
	commands := map[string]func(context.Context, *govmomi.Client, []string) interface{}{
		"names": names, "areas": areas, "export": export, "import": importDisk, "guest": runInGuest,
		"destroy": destroy, "attribute": attribute, "move": move, "tags": tags,
	}
	result := commands[os.Args[5]](ctx, client, os.Args[6:])
	must(client.Logout(ctx))
	text, err := json.Marshal(result)
	must(err)
	fmt.Println(string(text))
}

// connect believes in the one certificate only.
func connect(ctx context.Context, address, certificate string, user *url.Userinfo) *govmomi.Client {
	at, err := soap.ParseURL(address)
	must(err)
	transport := soap.NewClient(at, false)
	must(transport.SetRootCAs(certificate))
	client, err := vim25.NewClient(ctx, transport)
	must(err)
	whole := &govmomi.Client{Client: client, SessionManager: session.NewManager(client)}
	must(whole.Login(ctx, user))
	return whole
}

func machine(ctx context.Context, client *govmomi.Client, name string) *object.VirtualMachine {
	finder := find.NewFinder(client.Client, false)
	center, err := finder.DefaultDatacenter(ctx)
	must(err)
	finder.SetDatacenter(center)
	vm, err := finder.VirtualMachine(ctx, name)
	must(err)
	return vm
}

func await(ctx context.Context, task *object.Task, err error) interface{} {
	must(err)
	info, err := task.WaitForResult(ctx, nil)
	must(err)
	return info.Result
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
