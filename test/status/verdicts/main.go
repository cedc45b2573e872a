// SPDX-License-Identifier: Apache-2.0

// What tools make of our status: reads phases (phases.c), lets kstatus (Helm, Flux) and health scripts of Argo CD judge
// each, and compares with what the phase says. Also: what we write and the CRD does not know would be dropped by the server.
//
//	verdicts CRD ARGO-SCRIPT OUR-SCRIPT < phases
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

type phase struct {
	Phase   string
	Kstatus string         // verdict of kstatus
	Argo    string         // of the script that comes with Argo CD
	Ours    string         // of manifests/argocd/health.lua
	Ready   string         // message of the condition Ready
	Object  map[string]any // without a status: as the CRD's default has it
}

// Integers stay integers, as the API machinery has them.
func decode(text []byte, into *phase) error {
	if err := json.Unmarshal(text, into); err != nil {
		return err
	}
	var object unstructured.Unstructured
	var raw struct{ Object json.RawMessage }
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	if err := object.UnmarshalJSON(raw.Object); err != nil {
		return err
	}
	into.Object = object.Object
	return nil
}

func statusSchema(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		return nil, err
	}
	var crd unstructured.Unstructured
	if err := crd.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, version := range versions {
		found, ok, _ := unstructured.NestedMap(version.(map[string]any), "schema", "openAPIV3Schema", "properties", "status")
		if ok {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%s: no schema of status", path)
}

// The paths that the server would drop.
func pruned(schema map[string]any, value any, path string) []string {
	switch v := value.(type) {
	case map[string]any:
		var lost []string
		properties, _ := schema["properties"].(map[string]any)
		for key, member := range v {
			if inner, ok := properties[key].(map[string]any); ok {
				lost = append(lost, pruned(inner, member, path+"."+key)...)
			} else {
				lost = append(lost, path+"."+key)
			}
		}
		return lost
	case []any:
		var lost []string
		items, _ := schema["items"].(map[string]any)
		for _, item := range v {
			lost = append(lost, pruned(items, item, path+"[]")...)
		}
		return lost
	}
	return nil
}

func toLua(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, member := range v {
			table.RawSetString(key, toLua(l, member))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(toLua(l, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// As Argo CD runs a health script: the global obj, and a table with status and message comes back.
func health(script string, object map[string]any) (string, error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath} {
		l.Push(l.NewFunction(open))
		l.Call(0, 0)
	}
	l.SetGlobal("obj", toLua(l, object))
	if err := l.DoString(script); err != nil {
		return "", err
	}
	table, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return "", fmt.Errorf("the script gives no table")
	}
	return table.RawGetString("status").String(), nil
}

type judges struct {
	schema     map[string]any
	argo, ours string
}

func (j *judges) judge(p *phase) error {
	if _, ok := p.Object["status"]; !ok {
		p.Object["status"] = j.schema["default"]
	}
	u := &unstructured.Unstructured{Object: p.Object}
	result, err := status.Compute(u)
	if err != nil {
		return fmt.Errorf("kstatus: %w", err)
	}
	if result.Status.String() != p.Kstatus {
		return fmt.Errorf("kstatus says %s (%s), wanted %s", result.Status, result.Message, p.Kstatus)
	}
	for script, wanted := range map[string]string{j.argo: p.Argo, j.ours: p.Ours} {
		got, err := health(script, p.Object)
		if err != nil {
			return fmt.Errorf("health script: %w", err)
		}
		if got != wanted {
			which := "Argo CD's script"
			if script == j.ours {
				which = "manifests/argocd/health.lua"
			}
			return fmt.Errorf("%s says %s, wanted %s", which, got, wanted)
		}
	}
	if lost := pruned(j.schema, p.Object["status"], "status"); len(lost) > 0 {
		return fmt.Errorf("the CRD does not know %v", lost)
	}
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verdicts CRD ARGO-SCRIPT OUR-SCRIPT < phases")
		os.Exit(2)
	}
	schema, err := statusSchema(os.Args[1])
	argo, err2 := os.ReadFile(os.Args[2])
	ours, err3 := os.ReadFile(os.Args[3])
	for _, e := range []error{err, err2, err3} {
		if e != nil {
			fmt.Fprintln(os.Stderr, e)
			os.Exit(1)
		}
	}
	j := judges{schema, string(argo), string(ours)}
	passed, failed := 0, 0
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p phase
		err := decode(lines.Bytes(), &p)
		if err == nil {
			err = j.judge(&p)
		}
		if err != nil {
			failed++
			fmt.Printf("FAIL %s: %v\n", p.Phase, err)
			continue
		}
		passed++
		fmt.Printf("ok %s: kstatus %s, Argo CD %s, our script %s\n   %s\n", p.Phase, p.Kstatus, p.Argo, p.Ours, p.Ready)
	}
	if lines.Err() != nil || passed+failed == 0 {
		failed++
		fmt.Printf("FAIL the phases could not be read: %v\n", lines.Err())
	}
	fmt.Printf("status: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
