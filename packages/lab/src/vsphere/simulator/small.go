package main

import (
	"errors"
	"fmt"
	"syscall"
)

func typeText(value interface{}) string { return fmt.Sprintf("%T", value) }

func isErrno(err error, code syscall.Errno) bool {
	var found syscall.Errno
	return errors.As(err, &found) && found == code
}
