/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two templates, how it is told, and whether a running Pod can follow (spec §6.4, issue story 7 and 8).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"
#include "test/unit/template_fixture.h"
#include "test/unit/template_random.h"

/* "image containers[0].image @c "a" -> "b"" per change; the common prefix of paths left out. */
static char *told(const struct cs_template_diff *d)
{
    static const char *const kinds[] = {"metadata", "image", "resources", "OTHER"};
    cs_autostrbuf out = CS_STRBUF_INIT;

    for (size_t i = 0; i < d->n; i++) {
        const struct cs_change *c = &d->items[i];
        const char *path = strncmp(c->path, "spec.template.", 14) == 0 ? c->path + 14 : c->path;

        cs_strbuf_addf(&out, "%s%s %s", i ? "\n" : "", kinds[c->kind], strncmp(path, "spec.", 5) ? path : path + 5);
        if (c->container)
            cs_strbuf_addf(&out, " @%s", c->container);
        cs_strbuf_addf(
            &out, " %s -> %s", c->old_value ? c->old_value : "absent", c->new_value ? c->new_value : "absent");
    }
    for (char *p = out.data; p && *p; p++)
        *p = *p == '"' ? '\'' : *p;
    return cs_strbuf_take(&out, NULL);
}

static void assert_same_difference(const struct cs_template_diff *a, const struct cs_template_diff *b, const char *what)
{
    cs_autofree char *told_a = told(a);
    cs_autofree char *told_b = told(b);

    if (!cs_streq(told_a, told_b))
        fail_msg("%s: as written\n%s\nnot\n%s", what, told_b, told_a);
    assert_int_equal(a->in_place, b->in_place);
    assert_int_equal(a->images_changed, b->images_changed);
    assert_int_equal(a->metadata_changed, b->metadata_changed);
    assert_int_equal(a->resources_changed, b->resources_changed);
    assert_int_equal(a->restarts, b->restarts);
    assert_int_equal(a->qos_changed, b->qos_changed);
}

/* What is the same bytes on both sides changes nothing of what is told. */
static void check_written(struct cs_json was, struct cs_json is, const char *what)
{
    cs_autojtree *a = cs_template_normalize(was);
    cs_autojtree *b = cs_template_normalize(is);

    for (int vertical = 0; vertical < 2; vertical++) {
        CS_CLEANUP(cs_template_diff_done) struct cs_template_diff whole;
        CS_CLEANUP(cs_template_diff_done) struct cs_template_diff written;

        cs_template_diff(a, b, vertical, &whole);
        cs_template_diff_written(was, is, vertical, &written);
        assert_same_difference(&whole, &written, what);
    }
}

struct row {
    const char *what;
    const char *old_tmpl, *new_tmpl;
    const char *told;
};

static bool has_kind(const struct cs_template_diff *d, enum cs_change_kind kind)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->items[i].kind == kind)
            return true;
    }
    return false;
}

static void check_consistent(const struct cs_jtree *a, const struct cs_jtree *b, const struct cs_template_diff *d)
{
    const struct cs_change *blocker = cs_template_diff_blocker(d);

    assert_int_equal(cs_template_equal(a, b), d->n == 0);
    assert_int_equal(d->in_place, !has_kind(d, CS_CHANGE_OTHER));
    assert_int_equal(d->images_changed, has_kind(d, CS_CHANGE_IMAGE));
    assert_int_equal(d->metadata_changed, has_kind(d, CS_CHANGE_METADATA));
    assert_int_equal(blocker == NULL, d->in_place);
    if (blocker)
        assert_int_equal(blocker->kind, CS_CHANGE_OTHER);
    if (d->n == 0)
        assert_true(cs_template_digest(a) == cs_template_digest(b));
}

static void check_row_written(const struct row *row)
{
    autosample was = sample_of(row->old_tmpl);
    autosample is = sample_of(row->new_tmpl);

    check_written(sample_root(&was), sample_root(&is), row->what);
    check_written(sample_root(&is), sample_root(&was), row->what);
}

static void check_row(const struct row *row)
{
    cs_autojtree *a = normal_form(row->old_tmpl);
    cs_autojtree *b = normal_form(row->new_tmpl);
    CS_CLEANUP(cs_template_diff_done) struct cs_template_diff d;
    CS_CLEANUP(cs_template_diff_done) struct cs_template_diff back;

    cs_template_diff(a, b, false, &d);
    cs_autofree char *got = told(&d);
    if (!cs_streq(got, row->told))
        fail_msg("%s:\n%s\nnot\n%s", row->what, got, row->told);
    check_consistent(a, b, &d);
    cs_template_diff(b, a, false, &back);
    check_consistent(b, a, &back);
    assert_int_equal(back.n, d.n);
    assert_int_equal(back.in_place, d.in_place);
    cs_template_diff_done(&back);
    cs_template_diff(a, b, true, &back); /* the gate makes more possible, and finds nothing else */
    check_consistent(a, b, &back);
    assert_int_equal(back.n, d.n);
    assert_true(back.in_place || !d.in_place);
    check_row_written(row);
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_row(&rows[i]);
}

#define AB CONTAINERS("{'name':'a','image':'x:1'},{'name':'b','image':'y:1'}")

static void what_a_running_pod_can_follow(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"nothing", AB, AB, ""},
        {"nothing but defaults", CONTAINER(""),
            SPEC("'dnsPolicy':'ClusterFirst','containers':[{'name':'c','image':'nginx:1',"
                 "'imagePullPolicy':'Always'}]"),
            ""},
        {"an image", AB, CONTAINERS("{'name':'a','image':'x:2'},{'name':'b','image':'y:1'}"),
            "image containers[0].image @a 'x:1' -> 'x:2'"},
        {"all images", AB, CONTAINERS("{'name':'a','image':'x:2'},{'name':'b','image':'y:2'}"),
            "image containers[0].image @a 'x:1' -> 'x:2'\nimage containers[1].image @b 'y:1' -> 'y:2'"},
        {"D9: a tag with another default policy", CONTAINERS("{'name':'c','image':'nginx:alpine'}"),
            CONTAINERS("{'name':'c','image':'nginx:latest'}"),
            "image containers[0].image @c 'nginx:alpine' -> 'nginx:latest'"},
        {"a label changed", "{'metadata':{'labels':{'v':'1'}}}", "{'metadata':{'labels':{'v':'2'}}}",
            "metadata metadata.labels[v] '1' -> '2'"},
        {"labels added and removed", "{'metadata':{'labels':{'a':'1','c':'3'}}}",
            "{'metadata':{'labels':{'b':'2','c':'3'}}}",
            "metadata metadata.labels[a] '1' -> absent\nmetadata metadata.labels[b] absent -> '2'"},
        {"the last annotation removed", "{'metadata':{'annotations':{'example.com/a':'1'}}}", "{'metadata':{}}",
            "metadata metadata.annotations[example.com/a] '1' -> absent"},
        {"finalizers", "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b']}}",
            "metadata metadata.finalizers[0] 'a' -> absent"},
        {"the first metadata", "{}", "{'metadata':{'labels':{'a':'1'}}}", "metadata metadata.labels[a] absent -> '1'"},
        {"metadata of a wrong type", "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':7}",
            "metadata metadata {'labels':{'a':'1'}} -> 7"},
        {"label and image", "{'metadata':{'labels':{'v':'1'}},'spec':{'containers':[{'name':'c','image':'x:1'}]}}",
            "{'metadata':{'labels':{'v':'2'}},'spec':{'containers':[{'name':'c','image':'x:2'}]}}",
            "metadata metadata.labels[v] '1' -> '2'\nimage containers[0].image @c 'x:1' -> 'x:2'"},
    };

    check_rows(rows, CS_ARRAY_LEN(rows));
}

static void what_forces_a_new_pod(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"image of an init container", SPEC("'initContainers':[{'name':'i','image':'x:1'}]"),
            SPEC("'initContainers':[{'name':'i','image':'x:2'}]"), "OTHER initContainers[0].image @i 'x:1' -> 'x:2'"},
        {"an image added", CONTAINERS("{'name':'a'}"), CONTAINERS("{'name':'a','image':'x'}"),
            "OTHER containers[0].image @a absent -> 'x'"},
        {"an image that is no text", CONTAINERS("{'name':'a','image':'x'}"), CONTAINERS("{'name':'a','image':7}"),
            "OTHER containers[0].image @a 'x' -> 7"},
        {"an image of a nameless container", CONTAINERS("{'image':'x'}"), CONTAINERS("{'image':'y'}"),
            "OTHER containers[0].image 'x' -> 'y'"},
        {"command", CONTAINER(",'command':['sh']"), CONTAINER(",'command':['bash']"),
            "OTHER containers[0].command[0] @c 'sh' -> 'bash'"},
        {"a whole command", CONTAINER(""), CONTAINER(",'command':['sh','-c']"),
            "OTHER containers[0].command @c absent -> ['sh','-c']"},
        {"pull policy", CONTAINER(",'imagePullPolicy':'Always'"), CONTAINER(",'imagePullPolicy':'IfNotPresent'"),
            "OTHER containers[0].imagePullPolicy @c 'Always' -> 'IfNotPresent'"},
        {"pull policy Never", CONTAINER(""), CONTAINER(",'imagePullPolicy':'Never'"),
            "OTHER containers[0].imagePullPolicy @c absent -> 'Never'"},
        {"a limit", CONTAINER(",'resources':{'limits':{'cpu':'1'}}"),
            CONTAINER(",'resources':{'limits':{'cpu':'1500m'}}"),
            "OTHER containers[0].resources.limits[cpu] @c '1' -> '1500m'"},
        {"the first resources", CONTAINER(""), CONTAINER(",'resources':{'limits':{'cpu':'1'}}"),
            "OTHER containers[0].resources.limits[cpu] @c absent -> '1'"},
        {"a probe", CONTAINER(",'livenessProbe':{'httpGet':{'port':80,'path':'/a'}}"),
            CONTAINER(",'livenessProbe':{'httpGet':{'port':80},'periodSeconds':5}"),
            "OTHER containers[0].livenessProbe.httpGet.path @c '/a' -> absent\n"
            "OTHER containers[0].livenessProbe.periodSeconds @c absent -> 5"},
        {"node selector", SPEC("'nodeSelector':{'disk':'ssd'}"), SPEC("'nodeSelector':{'disk':'hdd'}"),
            "OTHER nodeSelector[disk] 'ssd' -> 'hdd'"},
        {"a toleration in the middle", SPEC("'tolerations':[{'key':'a'},{'key':'c'}]"),
            SPEC("'tolerations':[{'key':'a'},{'key':'b'},{'key':'c'}]"), "OTHER tolerations[1] absent -> {'key':'b'}"},
        {"a 64-bit integer", SPEC("'tolerations':[{'tolerationSeconds':9223372036854775807}]"),
            SPEC("'tolerations':[{'tolerationSeconds':9223372036854775806}]"),
            "OTHER tolerations[0].tolerationSeconds 9223372036854775807 -> 9223372036854775806"},
        {"an unknown member", SPEC("'new':{'a':[1,{'b':2}]}"), SPEC("'new':{'a':[1,{'b':3}]}"),
            "OTHER new.a[1].b 2 -> 3"},
        {"an unknown member beside metadata", "{}", "{'other':1}", "OTHER other absent -> 1"},
        {"no spec any more", SPEC("'nodeName':'n'"), "{}", "OTHER nodeName 'n' -> absent"},
        {"containers of a wrong type", CONTAINERS("{'name':'c'}"), SPEC("'containers':'c'"),
            "OTHER containers [{'name':'c'}] -> 'c'"},
    };

    check_rows(rows, CS_ARRAY_LEN(rows));
}

static void containers_added_removed_renamed_and_moved(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"added at the end", CONTAINERS("{'name':'a','image':'x:1'}"), AB,
            "OTHER containers[1] @b absent -> {'image':'y:1','name':'b'}"},
        {"added in front, the other is untouched", CONTAINERS("{'name':'b','image':'y:1'}"), AB,
            "OTHER containers[0] @a absent -> {'image':'x:1','name':'a'}"},
        {"removed in front", AB, CONTAINERS("{'name':'b','image':'y:1'}"),
            "OTHER containers[0] @a {'image':'x:1','name':'a'} -> absent"},
        {"removed in front, the other's image is no replacement at its place", AB,
            CONTAINERS("{'name':'b','image':'y:2'}"),
            "OTHER containers[0] @a {'image':'x:1','name':'a'} -> absent\nOTHER containers[0].image @b 'y:1' -> 'y:2'"},
        {"renamed", AB, CONTAINERS("{'name':'a','image':'x:1'},{'name':'z','image':'y:1'}"),
            "OTHER containers[1].name @z 'b' -> 'z'"},
        {"renamed with another image", AB, CONTAINERS("{'name':'a','image':'x:1'},{'name':'z','image':'y:2'}"),
            "OTHER containers[1].image @z 'y:1' -> 'y:2'\nOTHER containers[1].name @z 'b' -> 'z'"},
        {"moved", AB, CONTAINERS("{'name':'b','image':'y:1'},{'name':'a','image':'x:1'}"),
            "OTHER containers ['a','b'] -> ['b','a']"},
        {"moved with another image", AB, CONTAINERS("{'name':'b','image':'y:2'},{'name':'a','image':'x:1'}"),
            "OTHER containers ['a','b'] -> ['b','a']\nOTHER containers[0].image @b 'y:1' -> 'y:2'"},
        {"an image beside an addition is still one", CONTAINERS("{'name':'a','image':'x:1'}"),
            CONTAINERS("{'name':'a','image':'x:2'},{'name':'b','image':'y:1'}"),
            "image containers[0].image @a 'x:1' -> 'x:2'\nOTHER containers[1] @b absent -> {'image':'y:1','name':'b'}"},
        {"twice the same name: by place", CONTAINERS("{'name':'a','image':'x:1'},{'name':'a','image':'y:1'}"),
            CONTAINERS("{'name':'a','image':'x:1'},{'name':'a','image':'y:2'}"),
            "image containers[1].image @a 'y:1' -> 'y:2'"},
        {"an init container added", SPEC(""), SPEC("'initContainers':[{'name':'i'}]"),
            "OTHER initContainers absent -> [{'name':'i'}]"},
    };

    check_rows(rows, CS_ARRAY_LEN(rows));
}

static void named_elements_are_matched_by_name(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a variable's value", CONTAINER(",'env':[{'name':'A','value':'1'},{'name':'B','value':'2'}]"),
            CONTAINER(",'env':[{'name':'A','value':'1'},{'name':'B','value':'3'}]"),
            "OTHER containers[0].env[1].value @c '2' -> '3'"},
        {"a variable removed in front", CONTAINER(",'env':[{'name':'A'},{'name':'B'},{'name':'C'}]"),
            CONTAINER(",'env':[{'name':'B'},{'name':'C'}]"), "OTHER containers[0].env[0] @c {'name':'A'} -> absent"},
        {"a variable added in the middle and one removed at the end",
            CONTAINER(",'env':[{'name':'A'},{'name':'B'},{'name':'C'}]"),
            CONTAINER(",'env':[{'name':'A'},{'name':'X'},{'name':'B'}]"),
            "OTHER containers[0].env[1] @c absent -> {'name':'X'}\nOTHER containers[0].env[2] @c {'name':'C'} -> "
            "absent"},
        {"variables moved", CONTAINER(",'env':[{'name':'A'},{'name':'B'},{'name':'C'}]"),
            CONTAINER(",'env':[{'name':'C'},{'name':'A'},{'name':'X'},{'name':'B'}]"),
            "OTHER containers[0].env @c ['A','B','C'] -> ['C','A','B']\n"
            "OTHER containers[0].env[2] @c absent -> {'name':'X'}"},
        {"a variable twice: by place", CONTAINER(",'env':[{'name':'A','value':'1'},{'name':'A','value':'2'}]"),
            CONTAINER(",'env':[{'name':'A','value':'1'},{'name':'A','value':'3'}]"),
            "OTHER containers[0].env[1].value @c '2' -> '3'"},
        {"a port's number, by name", CONTAINER(",'ports':[{'name':'h','containerPort':80}]"),
            CONTAINER(",'ports':[{'name':'h','containerPort':81}]"),
            "OTHER containers[0].ports[0].containerPort @c 80 -> 81"},
        {"a nameless port's number", CONTAINER(",'ports':[{'containerPort':80}]"),
            CONTAINER(",'ports':[{'containerPort':81}]"), "OTHER containers[0].ports[0].containerPort @c 80 -> 81"},
        {"a nameless port removed in front", CONTAINER(",'ports':[{'containerPort':80},{'containerPort':81}]"),
            CONTAINER(",'ports':[{'containerPort':81}]"),
            "OTHER containers[0].ports[0] @c {'containerPort':80} -> absent"},
        {"a port got a name", CONTAINER(",'ports':[{'containerPort':80},{'containerPort':81}]"),
            CONTAINER(",'ports':[{'name':'h','containerPort':80},{'containerPort':81}]"),
            "OTHER containers[0].ports[0].name @c absent -> 'h'"},
        {"the same number twice, of different protocols",
            CONTAINER(",'ports':[{'containerPort':53},{'containerPort':53,'protocol':'UDP'}]"),
            CONTAINER(",'ports':[{'containerPort':53,'protocol':'UDP'}]"),
            "OTHER containers[0].ports[0] @c {'containerPort':53} -> absent"},
        {"a mount, by its path",
            CONTAINER(",'volumeMounts':[{'name':'v','mountPath':'/a'},{'name':'v','mountPath':'/b'}]"),
            CONTAINER(",'volumeMounts':[{'name':'v','mountPath':'/b','readOnly':true}]"),
            "OTHER containers[0].volumeMounts[0] @c {'mountPath':'/a','name':'v'} -> absent\n"
            "OTHER containers[0].volumeMounts[0].readOnly @c absent -> true"},
        {"a device, by its path", CONTAINER(",'volumeDevices':[{'name':'v','devicePath':'/a'}]"),
            CONTAINER(",'volumeDevices':[{'name':'w','devicePath':'/a'}]"),
            "OTHER containers[0].volumeDevices[0].name @c 'v' -> 'w'"},
        {"a volume's source", VOLUME(""), VOLUME(",'hostPath':{'path':'/x'}"),
            "OTHER volumes[0].hostPath absent -> {'path':'/x'}"},
        {"a volume removed in front", SPEC("'volumes':[{'name':'a'},{'name':'b','secret':{'secretName':'s'}}]"),
            SPEC("'volumes':[{'name':'b','secret':{'secretName':'t'}}]"),
            "OTHER volumes[0] {'name':'a'} -> absent\nOTHER volumes[0].secret.secretName 's' -> 't'"},
        {"an argument inserted", CONTAINER(",'args':['a','b']"), CONTAINER(",'args':['a','x','b']"),
            "OTHER containers[0].args[1] @c absent -> 'x'"},
        {"arguments changed and removed", CONTAINER(",'args':['a','b','c','d']"), CONTAINER(",'args':['a','x','d']"),
            "OTHER containers[0].args[1] @c 'b' -> 'x'\nOTHER containers[0].args[2] @c 'c' -> absent"},
        {"elements that are no objects: by place", CONTAINER(",'env':['a','b']"),
            CONTAINER(",'env':['a',{'name':'A'}]"), "OTHER containers[0].env[1] @c 'b' -> {'name':'A'}"},
    };

    check_rows(rows, CS_ARRAY_LEN(rows));
}

static void long_lists_are_compared_in_reasonable_time(void **state)
{
    (void)state;
    cs_autostrbuf a = CS_STRBUF_INIT;
    cs_autostrbuf b = CS_STRBUF_INIT;

    cs_strbuf_adds(&a, "{'spec':{'containers':[{'name':'c','env':[{'name':'first'}");
    cs_strbuf_adds(&b, cs_strbuf_str(&a));
    for (unsigned i = 0; i < 20000; i++) {
        cs_strbuf_addf(&a, ",{'name':'v%u'}", i);
        cs_strbuf_addf(&b, ",{'name':'v%u'}", 20000 - i);
    }
    cs_strbuf_adds(&a, "]}]}}");
    cs_strbuf_adds(&b, "]}]}}");
    cs_autojtree *old_norm = normal_form(cs_strbuf_str(&a));
    cs_autojtree *new_norm = normal_form(cs_strbuf_str(&b));
    CS_CLEANUP(cs_template_diff_done) struct cs_template_diff d;
    cs_template_diff(old_norm, new_norm, false, &d);
    assert_int_equal(d.n, 3); /* moved, v0 gone, v20000 new */
    assert_string_equal(d.items[0].path, "spec.template.spec.containers[0].env");
}

/* ---- properties ---- */

static struct cs_jtree *containers_of(struct cs_jtree *tmpl)
{
    return cs_jtree_get(cs_jtree_get(tmpl, "spec"), "containers");
}

static struct cs_jtree *one_of(struct cs_jtree *list, struct cs_rand *r)
{
    return cs_jtree_index(list, cs_rand_below(r, cs_jtree_count(list)));
}

static struct cs_jtree *new_text(struct cs_rand *r)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "edit-%u", (unsigned)cs_rand_below(r, 1000000));
    return cs_jtree_new_str(text);
}

static struct cs_jtree *member_of(struct cs_jtree *obj, const char *key, bool list)
{
    struct cs_jtree *v = cs_jtree_get(obj, key);

    return v ? v : cs_jtree_set(obj, key, list ? cs_jtree_new_arr() : cs_jtree_new_obj());
}

/* One edit that a running Pod can follow. */
static void edit_in_place(struct cs_jtree *tmpl, struct cs_rand *r)
{
    struct cs_jtree *meta = cs_jtree_get(tmpl, "metadata");

    switch (cs_rand_below(r, 5)) {
    case 0:
        (void)cs_jtree_set(one_of(containers_of(tmpl), r), "image", new_text(r));
        return;
    case 1:
        cs_jtree_del(meta, cs_rand_below(r, 2) ? "labels" : "finalizers");
        return;
    case 2:
        (void)cs_jtree_set(member_of(meta, "annotations", false), "app", new_text(r));
        return;
    case 3:
        (void)cs_jtree_set(member_of(meta, "labels", false), "new/label", new_text(r));
        return;
    default:
        (void)cs_jtree_append(member_of(meta, "finalizers", true), new_text(r));
    }
}

/* One that it cannot. */
static void edit_elsewhere(struct cs_jtree *tmpl, struct cs_rand *r)
{
    struct cs_jtree *spec = cs_jtree_get(tmpl, "spec");
    struct cs_jtree *container = one_of(containers_of(tmpl), r);
    struct cs_jtree *added = cs_jtree_new_obj();

    (void)cs_jtree_set(added, "name", new_text(r));
    switch (cs_rand_below(r, 6)) {
    case 0:
        (void)cs_jtree_append(member_of(container, "env", true), added);
        return;
    case 1:
        (void)cs_jtree_append(containers_of(tmpl), added);
        return;
    case 2:
        (void)cs_jtree_append(member_of(spec, "volumes", true), added);
        return;
    case 3:
        (void)cs_jtree_append(member_of(container, "command", true), new_text(r));
        break;
    case 4:
        (void)cs_jtree_set(container, "name", new_text(r));
        break;
    default:
        cs_jtree_del(container, "image");
    }
    cs_jtree_free(added);
}

static void check_edited(const struct cs_jtree *before, const struct cs_jtree *after, bool in_place, uint64_t seed)
{
    cs_autojtree *a = normal_form_of_tree(before);
    cs_autojtree *b = normal_form_of_tree(after);
    autosample was = sample_take(printed(before));
    autosample is = sample_take(printed(after));
    CS_CLEANUP(cs_template_diff_done) struct cs_template_diff d;

    cs_template_diff(a, b, false, &d);
    check_written(sample_root(&was), sample_root(&is), "a random edit");
    check_consistent(a, b, &d);
    if (d.in_place != in_place) {
        cs_autofree char *text = told(&d);

        fail_msg("seed %u: expected to be %s:\n%s", (unsigned)seed, in_place ? "in place" : "a recreation", text);
    }
}

#define PORTS "'ports':[{'containerPort':80,'hostPort':80}]"
#define FIXED(cpu) "'resources':{'limits':{'cpu':'" cpu "','memory':'1Gi'},'requests':{'cpu':'1','memory':'1Gi'}}"
#define RESTART "'resizePolicy':[{'resourceName':'cpu','restartPolicy':'RestartContainer'}]"

/* Members that are the same on both sides, and without which something else would be told. */
static void what_others_depend_on_is_not_left_out(void **state)
{
    static const char *const rows[][3] = {
        {"a port of the node's network, no longer written down",
            SPEC("'hostNetwork':true,'containers':[{'name':'a'," PORTS "}]"),
            SPEC("'hostNetwork':true,'containers':[{'name':'a','ports':[{'containerPort':80}]}]")},
        {"a Pod that leaves the node's network", SPEC("'hostNetwork':true,'containers':[{'name':'a'," PORTS "}]"),
            SPEC("'containers':[{'name':'a'," PORTS "}]")},
        {"a QoS class that one container alone does not make",
            CONTAINERS("{'name':'a'," FIXED("1") "},{'name':'b'," FIXED("1") "}"),
            CONTAINERS("{'name':'a'," FIXED("2") "},{'name':'b'," FIXED("1") "}")},
        {"a resize that restarts", CONTAINERS("{'name':'a'," FIXED("2") "," RESTART "}"),
            CONTAINERS("{'name':'a'," FIXED("3") "," RESTART "}")},
        {"containers that change places", CONTAINERS("{'name':'a','tty':true},{'name':'b','image':'x'}"),
            CONTAINERS("{'name':'b','tty':true},{'name':'a','image':'x'}")},
        {"a Pod of the whole's resources",
            SPEC("'resources':{'limits':{'cpu':'1'}},'containers':[{'name':'a'," FIXED("2") "}]"),
            SPEC("'resources':{'limits':{'cpu':'1'}},'containers':[{'name':'a'," FIXED("3") "}]")},
        {"a Pod of Windows", SPEC("'os':{'name':'windows'},'containers':[{'name':'a'," FIXED("2") "}]"),
            SPEC("'os':{'name':'windows'},'containers':[{'name':'a'," FIXED("3") "}]")},
        {"an account's other name", SPEC("'serviceAccountName':'x','serviceAccount':'x','containers':[]"),
            SPEC("'serviceAccountName':'x','containers':[]")},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autosample was = sample_of(rows[i][1]);
        autosample is = sample_of(rows[i][2]);

        check_written(sample_root(&was), sample_root(&is), rows[i][0]);
        check_written(sample_root(&is), sample_root(&was), rows[i][0]);
    }
}

/* Whatever two templates have in common. */
static void what_is_left_out_for_being_the_same_is_no_difference(void **state)
{
    static const char *const parts[] = {"hostNetwork", "containers", "initContainers", "volumes", "serviceAccountName",
        "resources", "os", "tolerations", "dnsPolicy"};

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct cs_rand r = {.state = seed ^ 0xd1ff};
        cs_autojtree *before = random_template(seed);
        cs_autojtree *other = random_template(seed + 1000);
        cs_autojtree *after = cs_jtree_dup(before);
        struct cs_jtree *spec = cs_jtree_get(after, "spec");

        for (size_t i = 0; i < CS_ARRAY_LEN(parts); i++) {
            const struct cs_jtree *part = cs_jtree_get(cs_jtree_get(other, "spec"), parts[i]);

            if (part && cs_rand_below(&r, 3) == 0)
                (void)cs_jtree_set(spec, parts[i], cs_jtree_dup(part));
        }
        for (struct cs_jtree *c = cs_jtree_first(containers_of(after)); c; c = cs_jtree_next(c)) {
            if (cs_rand_below(&r, 2))
                cs_jtree_del(c, cs_rand_below(&r, 2) ? "ports" : "resources");
        }
        autosample was = sample_take(printed(before));
        autosample is = sample_take(printed(after));
        check_written(sample_root(&was), sample_root(&is), "random parts exchanged");
    }
}

static void random_edits_of_images_and_metadata_are_in_place_and_others_are_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct cs_rand r = {.state = seed ^ 0x5eed};
        cs_autojtree *before = random_template(seed);

        for (struct cs_jtree *c = cs_jtree_first(containers_of(before)); c; c = cs_jtree_next(c))
            (void)cs_jtree_set(c, "image", cs_jtree_new_str("start"));
        cs_autojtree *after = cs_jtree_dup(before);
        for (uint64_t n = 1 + cs_rand_below(&r, 4); n > 0; n--)
            edit_in_place(after, &r);
        check_edited(before, after, true, seed);
        edit_elsewhere(after, &r);
        check_edited(before, after, false, seed);
    }
}

static void check_broken(void *ctx, struct cs_json tmpl, const char *path, const char *garbage)
{
    const struct cs_json *written = ctx;
    cs_autojtree *whole = cs_template_normalize(*written);
    cs_autojtree *broken = cs_template_normalize(tmpl);
    CS_CLEANUP(cs_template_diff_done) struct cs_template_diff d;

    (void)garbage;
    cs_template_diff(whole, broken, false, &d);
    check_written(*written, tmpl, path);
    check_written(tmpl, *written, path);
    check_consistent(whole, broken, &d);
    for (size_t i = 0; i < d.n; i++) {
        assert_memory_equal(d.items[i].path, "spec.template", 13);
        assert_false(cs_streq(d.items[i].old_value, d.items[i].new_value));
    }
}

static void any_damage_gives_a_consistent_difference(void **state)
{
    (void)state;
    struct fixture f;
    size_t tried = 0;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json");
    cs_json_foreach (set, items) {
        struct cs_json tmpl = cs_json_at(set, "spec", "template", NULL);

        tried += fixture_garbage(tmpl, check_broken, &tmpl);
    }
    assert_true(tried > 1000);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_running_pod_can_follow),
        cmocka_unit_test(what_forces_a_new_pod),
        cmocka_unit_test(containers_added_removed_renamed_and_moved),
        cmocka_unit_test(named_elements_are_matched_by_name),
        cmocka_unit_test(long_lists_are_compared_in_reasonable_time),
        cmocka_unit_test(what_others_depend_on_is_not_left_out),
        cmocka_unit_test(what_is_left_out_for_being_the_same_is_no_difference),
        cmocka_unit_test(random_edits_of_images_and_metadata_are_in_place_and_others_are_not),
        cmocka_unit_test(any_damage_gives_a_consistent_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
