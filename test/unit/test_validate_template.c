/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The [core] part of spec §3.3: texts, order and kinds as a real API server (1.34.4) gave them for the same templates in a
 * Deployment, and the hints that are ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"
#include "test/unit/both_versions.h"

#define LABEL_FORM                                                                                                     \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "    \
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "                     \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define QUANTITY "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
#define POD "spec.template.spec."
#define C0 POD "containers[0]."
#define N63 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

struct row {
    const char *name, *edits;
    const char *wanted[14];
};

static void run(const struct row *rows, size_t n)
{
    unsigned failed = 0;

    for (size_t i = 0; i < n; i++) {
        struct object o;
        struct cs_texts got = {0};

        object_edit(&o, base_object, rows[i].edits);
        cs_validate_cloneset(object_root(&o), &got);
        failed += !texts_are(rows[i].name, &got, rows[i].wanted) || !valid_in_both(rows[i].name, &o, &got);
        cs_texts_done(&got);
        object_done(&o);
    }
    assert_int_equal(failed, 0);
}

static void test_template_and_metadata(void **state)
{
    static const struct row rows[] = {
        {"a template of another type", "spec.template = []",
            {"spec.template: Invalid value: []: must be an object",
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
                POD "containers: Required value"}},
        {"label keys and values", "spec.template.metadata.labels = {'app':'web','x/':'1','/z':'','k':'-v'}",
            {"spec.template.metadata.labels: Invalid value: \"x/\": name part must be non-empty",
                "spec.template.metadata.labels: Invalid value: \"x/\": name part must consist of*",
                "spec.template.metadata.labels: Invalid value: \"/z\": prefix part must be non-empty",
                "spec.template.metadata.labels: Invalid value: \"-v\": a valid label must be an empty string or*"}},
        {"long label keys and values", "spec.template.metadata.labels = {'app':'web','k':'" N63 "x','" N63 "x':''}",
            {"spec.template.metadata.labels: Invalid value: \"" N63 "x\": must be no more than 63 characters",
                "spec.template.metadata.labels: Invalid value: \"" N63 "x\": name part must be no more than 63 "
                "characters"}},
        {"a label's prefix", "spec.template.metadata.labels = {'app':'web','A_b/c':'1'}",
            {"spec.template.metadata.labels: Invalid value: \"A_b/c\": prefix part a lowercase RFC 1123 subdomain must "
             "consist of*"}},
        {"annotation keys", "spec.template.metadata.annotations = {'-a':'b','Big':'any value at all: \\n é'}",
            {"spec.template.metadata.annotations: Invalid value: \"-a\": name part must consist of*"}},
        {"only Always restarts", POD "restartPolicy = 'Never'",
            {POD "restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""}},
        {"policies from their sets, and rule 9 behind rule 8", POD "restartPolicy = 'Foo' ;; " POD "dnsPolicy = 'Bar'",
            {POD "restartPolicy: Unsupported value: \"Foo\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                POD "dnsPolicy: Unsupported value: \"Bar\": supported values: \"ClusterFirstWithHostNet\", "
                    "\"ClusterFirst\", \"Default\", \"None\"",
                POD "restartPolicy: Unsupported value: \"Foo\": supported values: \"Always\""}},
        {"empty policies are absent ones", POD "restartPolicy = '' ;; " POD "dnsPolicy = ''", {NULL}},
        {"rule 10: no deadline for Pods that live", POD "activeDeadlineSeconds = 5",
            {POD "activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in cloneset is not Supported"}},
        {"no ephemeral containers", POD "ephemeralContainers = [{'name':'e','image':'i'}]",
            {POD "ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_containers(void **state)
{
    static const struct row rows[] = {
        {"no containers", POD "containers = []", {POD "containers: Required value"}},
        {"no containers at all", "drop " POD "containers", {POD "containers: Required value"}},
        {"names and images",
            POD
            "containers = [{'name':'A_b','image':'i'},{'image':'i'},{'name':'c','image':''},{'name':'c','image':' i '},"
            "{'name':'" N63 "x','image':'i'}]",
            {POD "containers[0].name: Invalid value: \"A_b\": " LABEL_FORM, POD "containers[1].name: Required value",
                POD "containers[2].image: Required value",
                POD "containers[3].image: Invalid value: \" i \": must not have leading or trailing whitespace",
                POD "containers[3].name: Duplicate value: \"c\"",
                POD "containers[4].name: Invalid value: \"" N63 "x\": must be no more than 63 characters"}},
        {"init containers share the names of containers",
            POD "initContainers = [{'name':'nginx','image':'i'},{'name':'i','image':'i'},{'name':'i'}]",
            {POD "initContainers[0].name: Duplicate value: \"nginx\"", POD "initContainers[2].image: Required value",
                POD "initContainers[2].name: Duplicate value: \"i\""}},
        {"policies of a container", C0 "imagePullPolicy = 'Foo' ;; " C0 "terminationMessagePolicy = 'Bar'",
            {C0 "terminationMessagePolicy: Unsupported value: \"Bar\": supported values: \"File\", "
                "\"FallbackToLogsOnError\"",
                C0 "imagePullPolicy: Unsupported value: \"Foo\": supported values: \"Always\", \"IfNotPresent\", "
                   "\"Never\""}},
        {"ports",
            C0
            "ports = [{'containerPort':0},{'containerPort':70000,'name':'BAD_'},"
            "{'containerPort':80,'name':'a','protocol':'X'},{'containerPort':81,'name':'a'},"
            "{'name':'toolongtoolongtoolong','containerPort':1},{'containerPort':80,'hostPort':70000},"
            "{'containerPort':80,'name':'a--b'},{'containerPort':80,'name':'-ab'},{'containerPort':80,'name':'12'},{}]",
            {C0 "ports[0].containerPort: Required value",
                C0 "ports[1].name: Invalid value: \"BAD_\": must contain only alpha-numeric characters (a-z, 0-9), and "
                   "hyphens (-)",
                C0 "ports[1].name: Invalid value: \"BAD_\": must contain at least one letter (a-z)",
                C0 "ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                C0 "ports[2].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                C0 "ports[3].name: Duplicate value: \"a\"",
                C0 "ports[4].name: Invalid value: \"toolongtoolongtoolong\": must be no more than 15 characters",
                C0 "ports[5].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                C0 "ports[6].name: Invalid value: \"a--b\": must not contain consecutive hyphens",
                C0 "ports[7].name: Invalid value: \"-ab\": must not begin or end with a hyphen",
                C0 "ports[8].name: Invalid value: \"12\": must contain at least one letter (a-z)",
                C0 "ports[9].containerPort: Required value"}},
        {"env",
            C0
            "env = [{},{'name':'a=b'},{'name':'x','value':'1','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}},"
            "{'name':'y','valueFrom':{}},"
            "{'name':'z','valueFrom':{'fieldRef':{'fieldPath':'f'},'secretKeyRef':{'name':'s','key':'k'}}},"
            "{'name':'é'},{'name':'w','value':'','valueFrom':{'configMapKeyRef':{'name':'c','key':'k'}}},"
            "{'name':'n','value':null,'valueFrom':null},{'name':'w'}]",
            {C0 "env[0].name: Required value",
                C0 "env[1].name: Invalid value: \"a=b\": a valid environment variable name must consist only of "
                   "printable ASCII characters other than '='",
                C0 "env[2].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty",
                C0 "env[3].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, "
                   "`configMapKeyRef` or `secretKeyRef`",
                C0 "env[4].valueFrom: Invalid value: \"\": may not have more than one field specified at a time",
                C0
                "env[5].name: Invalid value: \"é\": a valid environment variable name must consist only of printable "
                "ASCII characters other than '='"}},
        {"resources", C0 "resources = {'requests':{'cpu':'2','memory':'-1'},'limits':{'cpu':'1','memory':'x'}}",
            {C0 "resources.limits[memory]: Invalid value: \"x\": " QUANTITY,
                C0 "resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
                C0 "resources.requests[memory]: Invalid value: \"-1\": must be greater than or equal to 0"}},
        {"resources compare by value, and may be numbers",
            C0 "resources = {'requests':{'cpu':'1000m','memory':'1Gi'},'limits':{'cpu':1,'memory':'1024Mi'}}", {NULL}},
        {"the order of one container is the API server's",
            POD "containers = [{'name':'A_','terminationMessagePolicy':'B','ports':[{}],'env':[{}],"
                "'volumeMounts':[{'name':'q'}],'imagePullPolicy':'F','resources':{'limits':{'cpu':'-1'}}}]",
            {C0 "name: *", C0 "image: *", C0 "terminationMessagePolicy: *", C0 "ports[0].containerPort: *",
                C0 "env[0].name: *", C0 "volumeMounts[0].name: *", C0 "volumeMounts[0].mountPath: *",
                C0 "imagePullPolicy: *", C0 "resources.limits[cpu]: *"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_types(void **state)
{
    static const struct row rows[] = {
        {"a number in env is no string", C0 "env = [{'name':'a','value':5},{'name':'b','value':true}]",
            {C0 "env[0].value: Invalid value: 5: must be a string: put it in quotes",
                C0 "env[1].value: Invalid value: true: must be a string: put it in quotes"}},
        {"args are a list of strings", C0 "args = ['a',1] ;; " C0 "command = 'sh'",
            {C0 "args[1]: Invalid value: 1: must be a string: put it in quotes",
                C0 "command: Invalid value: \"sh\": must be an array"}},
        {"a string is no port", C0 "ports = [{'containerPort':'80'}]",
            {C0 "ports[0].containerPort: Invalid value: \"80\": must be a 32-bit integer",
                C0 "ports[0].containerPort: Required value"}},
        {"numbers, booleans, maps and objects of the Pod",
            POD "hostNetwork = 'yes' ;; " POD "terminationGracePeriodSeconds = 1.5 ;; " POD
                "nodeSelector = {'a':1} ;; " POD "affinity = 'none'",
            {POD "hostNetwork: Invalid value: \"yes\": must be a boolean",
                POD "terminationGracePeriodSeconds: Invalid value: 1.5: must be a 64-bit integer",
                POD "nodeSelector[a]: Invalid value: 1: must be a string: put it in quotes",
                POD "affinity: Invalid value: \"none\": must be an object"}},
        {"64-bit integers are fine", POD "tolerations = [{'key':'a','tolerationSeconds':9223372036854775807}]", {NULL}},
        {"a probe's port may be either",
            C0 "readinessProbe = {'httpGet':{'port':'http'}} ;; " C0 "livenessProbe = "
               "{'tcpSocket':{'port':80}}",
            {NULL}},
        {"a probe's port is not anything", C0 "readinessProbe = {'httpGet':{'port':true}}",
            {C0 "readinessProbe.httpGet.port: Invalid value: true: must be a 32-bit integer or a string"}},
        {"a container is an object", POD "containers = ['nginx']",
            {POD "containers[0]: Invalid value: \"nginx\": must be an object", POD "containers[0].name: Required value",
                POD "containers[0].image: Required value"}},
        {"unknown members are not judged here", C0 "imagee = 5 ;; " POD "foo = {'bar':[1]}", {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

#define MOUNT C0 "volumeMounts[0].name"
#define MOUNTS(names) C0 "volumeMounts = [" names "]"
#define EMPTY(name) "{'name':'" name "','emptyDir':{}}"

static void test_volumes_and_mounts(void **state)
{
    static const struct row rows[] = {
        {"volumes have names of their own, in the DNS form",
            POD "volumes = [{'name':'Bad_'},{'name':'a'},{'name':'a','emptyDir':{}},{'emptyDir':{}}]",
            {POD "volumes[0].name: Invalid value: \"Bad_\": " LABEL_FORM, POD "volumes[2].name: Duplicate value: \"a\"",
                POD "volumes[3].name: Required value"}},
        {"one source each",
            POD "volumes = [{'name':'b','configMap':{'name':'x'},'emptyDir':{},'secret':{'secretName':'q'}},"
                "{'name':'c','unknown':{},'emptyDir':{}},{'name':'d','hostPath':null,'emptyDir':{}}]",
            {POD "volumes[0].secret: Forbidden: may not specify more than 1 volume type",
                POD "volumes[0].configMap: Forbidden: may not specify more than 1 volume type"}},
        {"a claim template is a volume too", POD "volumes = [" EMPTY("data-vol") "]",
            {POD "volumes[1].name: Duplicate value: \"data-vol\" (spec.volumeClaimTemplates[0].metadata.name)"}},
        {"mounts need a name and a path",
            MOUNTS("{},{'name':'data-vol','mountPath':'/a'},{'name':'data-vol','mountPath':'/a'}"),
            {C0 "volumeMounts[0].name: Required value", C0 "volumeMounts[0].mountPath: Required value",
                C0 "volumeMounts[2].mountPath: Invalid value: \"/a\": must be unique"}},
        {"init containers mount too",
            POD "initContainers = [{'name':'i','image':'i','volumeMounts':[{'name':'nope-at-all',"
                "'mountPath':'/a'}]}]",
            {POD "initContainers[0].volumeMounts[0].name: Not found: \"nope-at-all\" (did you mean the claim template "
                 "\"data-vol\"?)"}},
        {"devices name volumes too",
            C0 "volumeDevices = [{'name':'dat-vol','devicePath':'/dev/x'},{'name':'data-vol'}]",
            {C0 "volumeDevices[0].name: Not found: \"dat-vol\" (did you mean the claim template \"data-vol\"?)",
                C0 "volumeDevices[1].devicePath: Required value"}},
        {"the example of the issue: the only candidate is named, however far",
            "spec.volumeClaimTemplates[0].metadata.name = 'rbd'",
            {MOUNT ": Not found: \"data-vol\" (did you mean the claim template \"rbd\"?)"}},
        {"the only candidate may be a volume",
            "spec.volumeClaimTemplates = [] ;; " POD "volumes = [" EMPTY("cache") "]",
            {MOUNT ": Not found: \"data-vol\" (did you mean the volume \"cache\"?)"}},
        {"of several the nearest is named, and all are listed",
            POD "volumes = [" EMPTY("cache") "," EMPTY("logs") "] ;; " MOUNTS("{'name':'log','mountPath':'/l'}"),
            {MOUNT ": Not found: \"log\" (did you mean the volume \"logs\"? known: volume \"cache\", claim template "
                   "\"data-vol\", volume \"logs\")"}},
        {"of several far ones none is guessed",
            POD "volumes = [" EMPTY("cache") "] ;; " MOUNTS("{'name':'tmp','mountPath':'/t'}"),
            {MOUNT ": Not found: \"tmp\" (known: volume \"cache\", claim template \"data-vol\")"}},
        {"without any volume", "drop spec.volumeClaimTemplates",
            {MOUNT ": Not found: \"data-vol\" (there are no volumes and no claim templates)"}},
        {"a long list is cut",
            POD "volumes = [" EMPTY("v0") "," EMPTY("v1") "," EMPTY("v2") "," EMPTY("v3") "," EMPTY("v4") "," EMPTY(
                "v5") "," EMPTY("v6") "," EMPTY("v7") "," EMPTY("v8") "] ;; " MOUNTS("{'name':'nothing','mountPath':'/"
                                                                                     "'}"),
            {MOUNT ": Not found: \"nothing\" (known: claim template \"data-vol\", volume \"v0\", volume \"v1\", volume "
                   "\"v2\", volume \"v3\", volume \"v4\", volume \"v5\", volume \"v6\" and 2 more)"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* ---- what no template may do ---- */

static void validate_broken(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    struct cs_texts got = {0};

    (void)ctx, (void)path, (void)garbage;
    cs_validate_cloneset(broken, &got);
    cs_texts_done(&got);
}

static void test_garbage_never_crashes(void **state)
{
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    object_edit(&o, base_object,
        POD "volumes = [" EMPTY(
            "v") ",{'name':'c','configMap':{'name':'n','items':[{'key':'k','path':'p'}]}}] ;; " POD
                 "initContainers = [{'name':'i','image':'i','args':['a']}] ;; " C0
                 "ports = [{'name':'http','containerPort':80,'protocol':'TCP'}] ;; " C0
                 "env = [{'name':'a','value':'b'},{'name':'n','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}}] "
                 ";; " C0 "resources = {'limits':{'cpu':'1'},'requests':{'cpu':'100m'}} ;; " C0
                 "volumeDevices = [{'name':'data-vol','devicePath':'/d'}]");
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 0);
    assert_true(fixture_garbage(object_root(&o), validate_broken, NULL) > 800);
    object_done(&o);
}

/* Names by the ten thousand, all wrong: neither look-ups nor hints may be quadratic. */
static void test_many_names_stay_cheap(void **state)
{
    enum { N = 60000 };
    cs_autostrbuf edit = CS_STRBUF_INIT;
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    cs_strbuf_adds(&edit, POD "volumes = [");
    for (int i = 0; i < N; i++)
        cs_strbuf_addf(&edit, "%s{'name':'v%d'}", i ? "," : "", i / 2);
    cs_strbuf_adds(&edit, "] ;; " C0 "volumeMounts = [");
    for (int i = 0; i < N; i++)
        cs_strbuf_addf(&edit, "%s{'name':'w%d','mountPath':'/%d'}", i ? "," : "", i, i / 2);
    cs_strbuf_addc(&edit, ']');
    object_edit(&o, base_object, cs_strbuf_str(&edit));
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 257);
    cs_texts_done(&got);
    object_done(&o);
}

/* What the peer accepted and wrote is accepted. */
static void test_recorded_sets_are_accepted(void **state)
{
    static const char *const files[] = {
        PEER "1-at-rest/clonesets-v1alpha1.json", PEER "2-updates-in-flight/clonesets-v1alpha1.json"};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        struct fixture f;
        size_t n = 0;

        fixture_init(&f);
        struct cs_json items = fixture_load(&f, files[i]);
        cs_json_foreach (item, items) {
            struct cs_texts got = {0};

            cs_validate_cloneset(item, &got);
            for (size_t k = 0; k < got.n; k++)
                print_error("%s: %s\n", files[i], got.items[k]);
            assert_int_equal(got.n, 0);
            cs_texts_done(&got);
            n++;
        }
        assert_true(n > 0);
        fixture_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_and_metadata),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_volumes_and_mounts),
        cmocka_unit_test(test_garbage_never_crashes),
        cmocka_unit_test(test_many_names_stay_cheap),
        cmocka_unit_test(test_recorded_sets_are_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
