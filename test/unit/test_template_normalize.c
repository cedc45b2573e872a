/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D9: what is the same template written in two ways, and what is not. Each row of the tables is one sentence about one
 * member; the properties below say the same about random templates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/cloneset/norm.h"
#include "test/unit/api_fixture.h"
#include "test/unit/template_fixture.h"
#include "test/unit/template_random.h"

struct row {
    const char *what;
    const char *a, *b;
};

/* As they are kept, the second time without the trees. */
static bool kept_are_equal(const char *a, const char *b)
{
    autosample x = sample_of(a), y = sample_of(b);
    struct cs_norm *p = cs_norm_new(x.text, false, 1), *q = cs_norm_new(y.text, false, 2);
    bool equal = cs_norm_equal(p, q);

    for (unsigned i = 0; i < 2; i++) {
        cs_norm_rest(p);
        cs_norm_rest(q);
    }
    assert_int_equal(cs_norm_equal(p, q), equal);
    assert_null(p->tree);
    assert_null(q->tree);
    cs_norm_free(p);
    cs_norm_free(q);
    return equal;
}

static void check_rows(const struct row *rows, size_t n, bool equal)
{
    for (size_t i = 0; i < n; i++) {
        cs_autojtree *a = normal_form(rows[i].a);
        cs_autojtree *b = normal_form(rows[i].b);

        if (cs_template_equal(a, b) != equal || cs_template_equal(b, a) != equal)
            fail_msg("%s: expected to be %s", rows[i].what, equal ? "the same" : "different");
        if (kept_are_equal(rows[i].a, rows[i].b) != equal)
            fail_msg("%s: as they are kept expected to be %s", rows[i].what, equal ? "the same" : "different");
        if (equal && cs_template_digest(a) != cs_template_digest(b))
            fail_msg("%s: equal, but of different digests", rows[i].what);
    }
}

/* A member that may be written or left out. */
#define SPEC_MEMBER(what, member)                                                                                      \
    {                                                                                                                  \
        what, SPEC("'nodeName':'n'"), SPEC("'nodeName':'n'," member)                                                   \
    }
#define CONTAINER_MEMBER(what, member)                                                                                 \
    {                                                                                                                  \
        what, CONTAINER(""), CONTAINER("," member)                                                                     \
    }
#define PROBE_MEMBER(what, member)                                                                                     \
    {                                                                                                                  \
        what, CONTAINER(",'readinessProbe':{'exec':{'command':['x']}}"),                                               \
            CONTAINER(",'readinessProbe':{'exec':{'command':['x']}," member "}")                                       \
    }
#define HTTP_MEMBER(what, member)                                                                                      \
    {                                                                                                                  \
        what, CONTAINER(",'livenessProbe':{'httpGet':{'port':80}}"),                                                   \
            CONTAINER(",'livenessProbe':{'httpGet':{'port':80," member "}}")                                           \
    }
#define SOURCE_MEMBER(what, source, rest, member)                                                                      \
    {                                                                                                                  \
        what, VOLUME(",'" source "':{" rest "}"), VOLUME(",'" source "':{" rest "," member "}")                        \
    }

static void writing_down_a_default_of_the_pod_is_no_change(void **state)
{
    (void)state;
    static const struct row rows[] = {
        SPEC_MEMBER("dnsPolicy", "'dnsPolicy':'ClusterFirst'"),
        SPEC_MEMBER("restartPolicy", "'restartPolicy':'Always'"),
        SPEC_MEMBER("terminationGracePeriodSeconds", "'terminationGracePeriodSeconds':30"),
        SPEC_MEMBER("schedulerName", "'schedulerName':'default-scheduler'"),
        SPEC_MEMBER("securityContext", "'securityContext':{}"),
        SPEC_MEMBER("securityContext of defaults",
            "'securityContext':{'fsGroupChangePolicy':'Always','supplementalGroupsPolicy':'Merge','sysctls':[]}"),
        SPEC_MEMBER("enableServiceLinks", "'enableServiceLinks':true"),
        SPEC_MEMBER("preemptionPolicy", "'preemptionPolicy':'PreemptLowerPriority'"),
        SPEC_MEMBER("hostNetwork, hostPID, hostIPC", "'hostNetwork':false,'hostPID':false,'hostIPC':false"),
        SPEC_MEMBER("shareProcessNamespace", "'shareProcessNamespace':false"),
        SPEC_MEMBER("setHostnameAsFQDN", "'setHostnameAsFQDN':false"),
        SPEC_MEMBER("hostUsers", "'hostUsers':true"),
        SPEC_MEMBER("null anywhere", "'affinity':null,'priority':null,'volumes':null"),
        SPEC_MEMBER("empty lists and maps", "'volumes':[],'tolerations':[],'nodeSelector':{},'imagePullSecrets':[]"),
        SPEC_MEMBER("empty strings", "'hostname':'','subdomain':'','priorityClassName':'','serviceAccountName':''"),
        {"serviceAccount is an alias", SPEC("'serviceAccount':'s'"), SPEC("'serviceAccountName':'s'")},
        {"serviceAccount twice", SPEC("'serviceAccount':'s','serviceAccountName':'s'"),
            SPEC("'serviceAccountName':'s'")},
        {"operator of a toleration", SPEC("'tolerations':[{'key':'k','value':'v'}]"),
            SPEC("'tolerations':[{'key':'k','value':'v','operator':'Equal','effect':''}]")},
        {"policies of a spread constraint", SPEC("'topologySpreadConstraints':[{'maxSkew':1}]"),
            SPEC("'topologySpreadConstraints':[{'maxSkew':1,'minDomains':1,'nodeAffinityPolicy':'Honor','"
                 "nodeTaintsPolicy':'Ignore'}"
                 "]")},
        {"overhead of another spelling", SPEC("'overhead':{'cpu':'0.25'}"), SPEC("'overhead':{'cpu':'250m'}")},
        {"creationTimestamp null", "{'metadata':{'labels':{'a':'b'}}}",
            "{'metadata':{'labels':{'a':'b'},'creationTimestamp':null,'annotations':{},'name':''}}"},
        {"empty metadata", "{'spec':{}}", "{'metadata':{},'spec':{}}"},
        {"empty spec", "{}", "{'metadata':null,'spec':{'containers':[]}}"},
        {"the frame of revision data", SPEC("'nodeName':'n'"), "{'$patch':'replace','spec':{'nodeName':'n'}}"},
        {"order of members", SPEC("'nodeName':'n','hostname':'h'"), SPEC("'hostname':'h','nodeName':'n'")},
        {"the last of duplicate members", SPEC("'nodeName':'n'"), SPEC("'nodeName':'m','nodeName':'n'")},
    };

    check_rows(rows, CS_ARRAY_LEN(rows), true);
}

static void writing_down_a_default_of_a_container_is_no_change(void **state)
{
    (void)state;
    static const struct row rows[] = {
        CONTAINER_MEMBER("terminationMessagePath", "'terminationMessagePath':'/dev/termination-log'"),
        CONTAINER_MEMBER("terminationMessagePolicy", "'terminationMessagePolicy':'File'"),
        CONTAINER_MEMBER("resources", "'resources':{}"),
        CONTAINER_MEMBER("empty limits", "'resources':{'limits':{},'requests':null,'claims':[]}"),
        CONTAINER_MEMBER("stdin and tty", "'stdin':false,'stdinOnce':false,'tty':false"),
        CONTAINER_MEMBER("empty command", "'command':[],'args':[],'workingDir':'','env':[],'ports':null"),
        CONTAINER_MEMBER("imagePullPolicy Always", "'imagePullPolicy':'Always'"),
        CONTAINER_MEMBER("imagePullPolicy IfNotPresent", "'imagePullPolicy':'IfNotPresent'"),
        CONTAINER_MEMBER("imagePullPolicy empty", "'imagePullPolicy':''"),
        CONTAINER_MEMBER("resizePolicy", "'resizePolicy':[{'resourceName':'cpu','restartPolicy':'NotRequired'}]"),
        {"pull policy of an init container", SPEC("'initContainers':[{'name':'i'}]"),
            SPEC("'initContainers':[{'name':'i','imagePullPolicy':'IfNotPresent'}]")},
        {"protocol of a port", CONTAINER(",'ports':[{'containerPort':80}]"),
            CONTAINER(",'ports':[{'containerPort':80,'protocol':'TCP','hostPort':0,'name':'','hostIP':''}]")},
        {"hostPort in the node's network", SPEC("'hostNetwork':true,'containers':[{'ports':[{'containerPort':80}]}]"),
            SPEC("'hostNetwork':true,'containers':[{'ports':[{'containerPort':80,'hostPort':80}]}]")},
        {"apiVersion of a fieldRef", CONTAINER(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'x'}}}]"),
            CONTAINER(",'env':[{'name':'A','valueFrom':{'fieldRef':{'apiVersion':'v1','fieldPath':'x'}}}]")},
        {"divisor 0", CONTAINER(",'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'x'}}}]"),
            CONTAINER(",'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'x','divisor':'0'}}}]")},
        {"divisor 1", CONTAINER(",'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'x'}}}]"),
            CONTAINER(",'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'x','divisor':1}}}]")},
        {"value of a variable", CONTAINER(",'env':[{'name':'A'}]"), CONTAINER(",'env':[{'name':'A','value':''}]")},
        {"optional", CONTAINER(",'envFrom':[{'secretRef':{'name':'s'}}]"),
            CONTAINER(",'envFrom':[{'prefix':'','secretRef':{'name':'s','optional':false}}]")},
        {"optional members of all kinds",
            CONTAINER(",'envFrom':[{'configMapRef':{'name':'m'}}],'env':[{'name':'A','valueFrom':{'secretKeyRef':{'key'"
                      ":'k'}}},"
                      "{'name':'B','valueFrom':{'configMapKeyRef':{'key':'k'}}},{'name':'C','valueFrom':{'fileKeyRef':{"
                      "'key':'k'}}}]"),
            CONTAINER(",'envFrom':[{'configMapRef':{'name':'m','optional':false}}],'env':[{'name':'A','valueFrom':{'"
                      "secretKeyRef':"
                      "{'key':'k','optional':false}}},{'name':'B','valueFrom':{'configMapKeyRef':{'key':'k','optional':"
                      "false}}},"
                      "{'name':'C','valueFrom':{'fileKeyRef':{'key':'k','optional':false}}}]")},
        {"an ephemeral container", SPEC("'ephemeralContainers':[{'name':'e'}]"),
            SPEC("'ephemeralContainers':[{'name':'e','terminationMessagePath':'/dev/"
                 "termination-log','terminationMessagePolicy':"
                 "'File','imagePullPolicy':'Always'}]")},
        {"mount propagation", CONTAINER(",'volumeMounts':[{'name':'v','mountPath':'/v'}]"),
            CONTAINER(",'volumeMounts':[{'name':'v','mountPath':'/v','readOnly':false,'mountPropagation':'None',"
                      "'recursiveReadOnly':'Disabled','subPath':''}]")},
        {"procMount", CONTAINER(",'securityContext':{'runAsUser':0}"),
            CONTAINER(",'securityContext':{'runAsUser':0,'procMount':'Default'}")},
        {"quantities of another spelling", CONTAINER(",'resources':{'limits':{'cpu':'0.5','memory':'1024Mi'}}"),
            CONTAINER(",'resources':{'limits':{'memory':'1Gi','cpu':'500m'}}")},
        {"quantities as numbers", CONTAINER(",'resources':{'limits':{'cpu':2}}"),
            CONTAINER(",'resources':{'limits':{'cpu':'2'}}")},
        {"quantities finer than milli", CONTAINER(",'resources':{'limits':{'cpu':'0.0001'}}"),
            CONTAINER(",'resources':{'limits':{'cpu':'1m'}}")},
        {"requests equal to limits", CONTAINER(",'resources':{'limits':{'cpu':'1','memory':'1Gi'}}"),
            CONTAINER(
                ",'resources':{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'1000m','memory':'1073741824'}}")},
    };

    check_rows(rows, CS_ARRAY_LEN(rows), true);
}

static void writing_down_a_default_of_a_probe_is_no_change(void **state)
{
    (void)state;
    static const struct row rows[] = {
        PROBE_MEMBER("timeoutSeconds", "'timeoutSeconds':1"),
        PROBE_MEMBER("periodSeconds", "'periodSeconds':10"),
        PROBE_MEMBER("successThreshold", "'successThreshold':1"),
        PROBE_MEMBER("failureThreshold", "'failureThreshold':3"),
        PROBE_MEMBER("zeros", "'initialDelaySeconds':0,'periodSeconds':0"),
        HTTP_MEMBER("path", "'path':'/'"),
        HTTP_MEMBER("scheme", "'scheme':'HTTP'"),
        HTTP_MEMBER("host", "'host':'','httpHeaders':[]"),
        {"service of a grpc probe", CONTAINER(",'startupProbe':{'grpc':{'port':1}}"),
            CONTAINER(",'startupProbe':{'grpc':{'port':1,'service':''}}")},
        {"handlers", CONTAINER(",'lifecycle':{'preStop':{'httpGet':{'port':'p'}},'postStart':{'httpGet':{'port':1}}}"),
            CONTAINER(",'lifecycle':{'preStop':{'httpGet':{'port':'p','path':'/','scheme':'HTTP'}},"
                      "'postStart':{'httpGet':{'port':1,'path':'/','scheme':'HTTP'}}}")},
    };

    check_rows(rows, CS_ARRAY_LEN(rows), true);
}

static void writing_down_a_default_of_a_volume_is_no_change(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a volume without source is an emptyDir", VOLUME(""), VOLUME(",'emptyDir':{}")},
        {"also with empty members", VOLUME(""), VOLUME(",'emptyDir':{'medium':'','sizeLimit':null}")},
        {"size of another spelling", VOLUME(",'emptyDir':{'sizeLimit':'1024Ki'}"),
            VOLUME(",'emptyDir':{'sizeLimit':'1Mi'}")},
        SOURCE_MEMBER("type of hostPath", "hostPath", "'path':'/'", "'type':''"),
        SOURCE_MEMBER("mode of a secret", "secret", "'secretName':'s'", "'defaultMode':420,'optional':false"),
        SOURCE_MEMBER(
            "mode of a configMap", "configMap", "'name':'s'", "'defaultMode':420,'items':[],'optional':false"),
        {"projected sources",
            VOLUME(",'projected':{'sources':[{'secret':{'name':'n'}},{'configMap':{'name':'n'}},{'clusterTrustBundle':{"
                   "'path':'p'}}]}"),
            VOLUME(",'projected':{'sources':[{'secret':{'name':'n','optional':false}},{'configMap':{'name':'n','"
                   "optional':false}},"
                   "{'clusterTrustBundle':{'path':'p','optional':false}}]}")},
        SOURCE_MEMBER("mode of downwardAPI", "downwardAPI", "'items':[{'path':'p'}]", "'defaultMode':420"),
        SOURCE_MEMBER("mode of projected", "projected", "'sources':[{'secret':{'name':'n'}}]", "'defaultMode':420"),
        SOURCE_MEMBER("iscsiInterface", "iscsi", "'lun':1", "'iscsiInterface':'default','readOnly':false"),
        SOURCE_MEMBER("rbd", "rbd", "'image':'i'", "'pool':'rbd','user':'admin','keyring':'/etc/ceph/keyring'"),
        SOURCE_MEMBER("azureDisk", "azureDisk", "'diskName':'d'",
            "'cachingMode':'ReadWrite','kind':'Shared','fsType':'ext4','readOnly':false"),
        SOURCE_MEMBER("scaleIO", "scaleIO", "'system':'s'", "'storageMode':'ThinProvisioned','fsType':'xfs'"),
        SOURCE_MEMBER("csi", "csi", "'driver':'d'", "'readOnly':false"),
        SOURCE_MEMBER("persistentVolumeClaim", "persistentVolumeClaim", "'claimName':'c'", "'readOnly':false"),
        {"expiry of a token", VOLUME(",'projected':{'sources':[{'serviceAccountToken':{'path':'p'}}]}"),
            VOLUME(",'projected':{'sources':[{'serviceAccountToken':{'path':'p','expirationSeconds':3600}}]}")},
        {"fieldRef of an item", VOLUME(",'downwardAPI':{'items':[{'path':'p','fieldRef':{'fieldPath':'f'}}]}"),
            VOLUME(",'downwardAPI':{'items':[{'path':'p','fieldRef':{'fieldPath':'f','apiVersion':'v1'}}]}")},
        {"volumeMode of an ephemeral claim",
            VOLUME(",'ephemeral':{'volumeClaimTemplate':{'spec':{'resources':{'requests':{'storage':'0.5Gi'}}}}}"),
            VOLUME(",'ephemeral':{'volumeClaimTemplate':{'metadata':{'creationTimestamp':null},'spec':{'volumeMode':'"
                   "Filesystem',"
                   "'resources':{'requests':{'storage':'512Mi'}}}}}")},
    };

    check_rows(rows, CS_ARRAY_LEN(rows), true);
}

static void what_means_something_is_a_change(void **state)
{
    (void)state;
    static const struct row rows[] = {
        SPEC_MEMBER("no grace", "'terminationGracePeriodSeconds':0"),
        SPEC_MEMBER("another grace", "'terminationGracePeriodSeconds':31"),
        SPEC_MEMBER("no token", "'automountServiceAccountToken':false"),
        SPEC_MEMBER("no service links", "'enableServiceLinks':false"),
        SPEC_MEMBER("user namespace", "'hostUsers':false"),
        SPEC_MEMBER("priority 0", "'priority':0"),
        SPEC_MEMBER("root", "'securityContext':{'runAsUser':0}"),
        SPEC_MEMBER("an explicit no", "'securityContext':{'runAsNonRoot':false}"),
        SPEC_MEMBER("an unknown member", "'notAMember':{}"),
        SPEC_MEMBER("a default of a wrong type", "'restartPolicy':true"),
        SPEC_MEMBER("containers of a wrong type", "'containers':'none'"),
        CONTAINER_MEMBER("pull policy Never", "'imagePullPolicy':'Never'"),
        {"pull policy Always to IfNotPresent", CONTAINER(",'imagePullPolicy':'Always'"),
            CONTAINER(",'imagePullPolicy':'IfNotPresent'")},
        CONTAINER_MEMBER("not privileged", "'securityContext':{'privileged':false}"),
        CONTAINER_MEMBER("no escalation", "'securityContext':{'allowPrivilegeEscalation':false}"),
        CONTAINER_MEMBER("writable root", "'securityContext':{'readOnlyRootFilesystem':false}"),
        PROBE_MEMBER("grace 0 of a probe", "'terminationGracePeriodSeconds':0"),
        SOURCE_MEMBER("mode 0", "secret", "'secretName':'s'", "'defaultMode':0"),
        SOURCE_MEMBER("mode of an item", "secret", "'secretName':'s'", "'items':[{'key':'k','path':'p','mode':0}]"),
        {"tolerationSeconds 0", SPEC("'tolerations':[{'key':'k'}]"),
            SPEC("'tolerations':[{'key':'k','tolerationSeconds':0}]")},
        {"tolerationSeconds beyond 2^53", SPEC("'tolerations':[{'tolerationSeconds':9223372036854775807}]"),
            SPEC("'tolerations':[{'tolerationSeconds':9223372036854775806}]")},
        {"hostPort in the Pod's own network", CONTAINER(",'ports':[{'containerPort':80}]"),
            CONTAINER(",'ports':[{'containerPort':80,'hostPort':80}]")},
        {"a selector of everything", SPEC("'topologySpreadConstraints':[{'maxSkew':1}]"),
            SPEC("'topologySpreadConstraints':[{'maxSkew':1,'labelSelector':{}}]")},
        {"a port by name or by number", CONTAINER(",'livenessProbe':{'tcpSocket':{'port':80}}"),
            CONTAINER(",'livenessProbe':{'tcpSocket':{'port':'80'}}")},
        {"emptyDir is a source among others", VOLUME(",'hostPath':{'path':'/'}"),
            VOLUME(",'hostPath':{'path':'/'},'emptyDir':{}")},
        {"a claim's class of no name", VOLUME(",'ephemeral':{'volumeClaimTemplate':{'spec':{}}}"),
            VOLUME(",'ephemeral':{'volumeClaimTemplate':{'spec':{'storageClassName':''}}}")},
        {"requests below limits", CONTAINER(",'resources':{'limits':{'cpu':'1'}}"),
            CONTAINER(",'resources':{'limits':{'cpu':'1'},'requests':{'cpu':'999m'}}")},
        {"requests without limits", CONTAINER(",'resources':{'limits':{'cpu':'1'}}"),
            CONTAINER(",'resources':{'limits':{'cpu':'1'},'requests':{'memory':'1'}}")},
        {"another service account", SPEC("'serviceAccountName':'s'"),
            SPEC("'serviceAccountName':'s','serviceAccount':'t'")},
        {"order of variables", CONTAINER(",'env':[{'name':'A'},{'name':'B'}]"),
            CONTAINER(",'env':[{'name':'B'},{'name':'A'}]")},
        {"order of arguments", CONTAINER(",'args':['a','b']"), CONTAINER(",'args':['b','a']")},
        {"an empty argument", CONTAINER(",'args':['a']"), CONTAINER(",'args':['a','']")},
        {"an empty label", "{'metadata':{}}", "{'metadata':{'labels':{'a':''}}}"},
        {"a label that is null", "{'metadata':{}}", "{'metadata':{'labels':{'a':null}}}"},
    };

    check_rows(rows, CS_ARRAY_LEN(rows), false);
}

/* Equality is not transitive here, on purpose (D9). */
static void an_absent_pull_policy_equals_two_that_differ(void **state)
{
    (void)state;
    assert_true(kept_are_equal(CONTAINER(""), CONTAINER(",'imagePullPolicy':'Always'")));
    assert_true(kept_are_equal(CONTAINER(""), CONTAINER(",'imagePullPolicy':'IfNotPresent'")));
    assert_false(
        kept_are_equal(CONTAINER(",'imagePullPolicy':'Always'"), CONTAINER(",'imagePullPolicy':'IfNotPresent'")));
    cs_autojtree *absent = normal_form(CONTAINER(""));
    cs_autojtree *always = normal_form(CONTAINER(",'imagePullPolicy':'Always'"));
    cs_autojtree *if_absent = normal_form(CONTAINER(",'imagePullPolicy':'IfNotPresent'"));

    assert_true(cs_template_equal(absent, always));
    assert_true(cs_template_equal(absent, if_absent));
    assert_false(cs_template_equal(always, if_absent));
    assert_true(cs_template_digest(always) == cs_template_digest(if_absent));
}

static void a_tree_that_nobody_asks_for_is_put_away_and_made_again(void **state)
{
    (void)state;
    autosample s = sample_of("{'spec':{'template':{'$patch':'replace','spec':{'nodeName':'n'}}}}");
    struct cs_norm *n = cs_norm_new(s.text, true, 1);

    assert_null(n->tree);
    for (unsigned i = 0; i < 2; i++) {
        cs_autofree char *text = printed(cs_norm_tree(n));

        assert_string_equal(text, "{\"spec\":{\"nodeName\":\"n\"}}");
        cs_norm_rest(n);
        assert_non_null(n->tree);
        cs_norm_rest(n);
        assert_null(n->tree);
    }
    cs_norm_free(n);
}

static void the_normal_form_is_sorted_and_says_only_what_counts(void **state)
{
    (void)state;
    cs_autojtree *t =
        normal_form("{'spec':{'restartPolicy':'Always','containers':[{'resources':{'limits':{'cpu':0.5}},"
                    "'name':'c','zzz':null,'unknown':{'b':null,'a':[]},'image':'i'}],'dnsPolicy':'Default'},"
                    "'metadata':{'creationTimestamp':null,'labels':{'b':'1','a':'2'}}}");
    cs_autofree char *text = printed(t);

    assert_string_equal(text,
        "{\"metadata\":{\"labels\":{\"a\":\"2\",\"b\":\"1\"}},\"spec\":{\"containers\":[{\"image\":\"i\","
        "\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"500m\"}},"
        "\"unknown\":{\"a\":[],\"b\":null}}],\"dnsPolicy\":\"Default\"}}");
}

static void what_is_no_object_is_an_empty_template(void **state)
{
    (void)state;
    static const char *const texts[] = {"null", "[]", "'x'", "1", "{}", "{'spec':null}"};

    for (size_t i = 0; i < CS_ARRAY_LEN(texts); i++) {
        cs_autojtree *t = normal_form(texts[i]);
        cs_autofree char *text = printed(t);

        assert_string_equal(text, "{}");
    }
    cs_autojtree *t = cs_template_normalize((struct cs_json){.doc = NULL, .node = NULL});
    assert_true(cs_jtree_is(t, CS_J_OBJECT));
}

/* ---- properties ---- */

static void set_if_absent(struct cs_jtree *obj, const char *key, struct cs_jtree *v)
{
    if (cs_jtree_is(obj, CS_J_OBJECT) && !cs_jtree_get(obj, key))
        (void)cs_jtree_set(obj, key, v);
    else
        cs_jtree_free(v);
}

static void default_text(struct cs_jtree *obj, const char *key, const char *text)
{
    set_if_absent(obj, key, cs_jtree_new_str(text));
}

static void default_int(struct cs_jtree *obj, const char *key, int64_t v)
{
    set_if_absent(obj, key, cs_jtree_new_i64(v));
}

static void default_http(struct cs_jtree *action)
{
    default_text(action, "path", "/");
    default_text(action, "scheme", "HTTP");
}

static void default_probe(struct cs_jtree *probe)
{
    default_int(probe, "timeoutSeconds", 1);
    default_int(probe, "periodSeconds", 10);
    default_int(probe, "successThreshold", 1);
    default_int(probe, "failureThreshold", 3);
    default_http(cs_jtree_get(probe, "httpGet"));
}

static void default_container(struct cs_jtree *c, const char *policy)
{
    struct cs_jtree *lifecycle = cs_jtree_get(c, "lifecycle");

    default_text(c, "imagePullPolicy", policy);
    default_text(c, "terminationMessagePath", "/dev/termination-log");
    default_text(c, "terminationMessagePolicy", "File");
    set_if_absent(c, "resources", cs_jtree_new_obj());
    for (struct cs_jtree *p = cs_jtree_first(cs_jtree_get(c, "ports")); p; p = cs_jtree_next(p))
        default_text(p, "protocol", "TCP");
    for (struct cs_jtree *e = cs_jtree_first(cs_jtree_get(c, "env")); e; e = cs_jtree_next(e))
        default_text(cs_jtree_get(cs_jtree_get(e, "valueFrom"), "fieldRef"), "apiVersion", "v1");
    default_probe(cs_jtree_get(c, "livenessProbe"));
    default_probe(cs_jtree_get(c, "readinessProbe"));
    default_probe(cs_jtree_get(c, "startupProbe"));
    default_http(cs_jtree_get(cs_jtree_get(lifecycle, "postStart"), "httpGet"));
    default_http(cs_jtree_get(cs_jtree_get(lifecycle, "preStop"), "httpGet"));
}

static void default_items(struct cs_jtree *source)
{
    for (struct cs_jtree *i = cs_jtree_first(cs_jtree_get(source, "items")); i; i = cs_jtree_next(i))
        default_text(cs_jtree_get(i, "fieldRef"), "apiVersion", "v1");
}

static void default_volume(struct cs_jtree *v)
{
    static const char *const with_mode[] = {"secret", "configMap", "downwardAPI", "projected"};
    struct cs_jtree *sources = cs_jtree_get(cs_jtree_get(v, "projected"), "sources");

    if (cs_jtree_count(v) == 1)
        (void)cs_jtree_set(v, "emptyDir", cs_jtree_new_obj());
    default_text(cs_jtree_get(v, "hostPath"), "type", "");
    for (size_t i = 0; i < CS_ARRAY_LEN(with_mode); i++)
        default_int(cs_jtree_get(v, with_mode[i]), "defaultMode", 420);
    default_items(cs_jtree_get(v, "downwardAPI"));
    for (struct cs_jtree *s = cs_jtree_first(sources); s; s = cs_jtree_next(s)) {
        default_int(cs_jtree_get(s, "serviceAccountToken"), "expirationSeconds", 3600);
        default_items(cs_jtree_get(s, "downwardAPI"));
    }
}

/* Spec §2.2, as the peer's webhook does it to what users write. */
static void inject_defaults(struct cs_jtree *tmpl)
{
    struct cs_jtree *spec = cs_jtree_get(tmpl, "spec");

    default_text(spec, "dnsPolicy", "ClusterFirst");
    default_text(spec, "restartPolicy", "Always");
    default_text(spec, "schedulerName", "default-scheduler");
    default_int(spec, "terminationGracePeriodSeconds", 30);
    set_if_absent(spec, "securityContext", cs_jtree_new_obj());
    set_if_absent(cs_jtree_get(tmpl, "metadata"), "creationTimestamp", cs_jtree_new_null());
    for (struct cs_jtree *c = cs_jtree_first(cs_jtree_get(spec, "containers")); c; c = cs_jtree_next(c))
        default_container(c, "Always");
    for (struct cs_jtree *c = cs_jtree_first(cs_jtree_get(spec, "initContainers")); c; c = cs_jtree_next(c))
        default_container(c, "IfNotPresent");
    for (struct cs_jtree *v = cs_jtree_first(cs_jtree_get(spec, "volumes")); v; v = cs_jtree_next(v))
        default_volume(v);
}

static void injecting_the_peers_defaults_changes_nothing(void **state)
{
    (void)state;
    size_t bytes = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        cs_autojtree *plain = random_template(seed);
        cs_autojtree *defaulted = cs_jtree_dup(plain);

        inject_defaults(defaulted);
        assert_false(cs_jtree_equal(plain, defaulted));
        cs_autojtree *a = normal_form_of_tree(plain);
        cs_autojtree *b = normal_form_of_tree(defaulted);
        cs_autofree char *text = printed(a);
        bytes += strlen(text);
        if (!cs_template_equal(a, b) || cs_template_digest(a) != cs_template_digest(b))
            fail_msg("seed %u: %s", (unsigned)seed, text);
    }
    assert_true(bytes > 400 * 1000); /* templates that deserve the name */
}

static void check_idempotent(void *ctx, struct cs_json tmpl, const char *path, const char *garbage)
{
    cs_autojtree *once = cs_template_normalize(tmpl);
    cs_autojtree *twice = normal_form_of_tree(once);

    (void)ctx;
    if (!cs_jtree_equal(once, twice))
        fail_msg("normalising twice differs, with %s at %s", garbage, path);
    assert_true(cs_template_equal(once, once));
    assert_true(cs_template_digest(once) == cs_template_digest(twice));
}

static void garbage_anywhere_is_kept_and_never_crashes(void **state)
{
    (void)state;
    struct fixture f;
    size_t tried = 0;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json");
    cs_json_foreach (set, items)
        tried += fixture_garbage(cs_json_at(set, "spec", "template", NULL), check_idempotent, NULL);
    assert_true(tried > 1000);
    fixture_done(&f);
}

static void oversized_maps_of_quantities_stay_as_written(void **state)
{
    (void)state;
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_strbuf_adds(&text, "{'spec':{'overhead':{");
    for (unsigned i = 0; i < 100000; i++)
        cs_strbuf_addf(&text, "%s'r%u':'0.5'", i ? "," : "", i);
    cs_strbuf_adds(&text, "}}}");
    cs_autojtree *t = normal_form(cs_strbuf_str(&text));
    struct cs_jtree *first = cs_jtree_first(cs_jtree_get(cs_jtree_get(t, "spec"), "overhead"));
    assert_string_equal(cs_jtree_str(first), "0.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_down_a_default_of_the_pod_is_no_change),
        cmocka_unit_test(writing_down_a_default_of_a_container_is_no_change),
        cmocka_unit_test(writing_down_a_default_of_a_probe_is_no_change),
        cmocka_unit_test(writing_down_a_default_of_a_volume_is_no_change),
        cmocka_unit_test(what_means_something_is_a_change),
        cmocka_unit_test(an_absent_pull_policy_equals_two_that_differ),
        cmocka_unit_test(a_tree_that_nobody_asks_for_is_put_away_and_made_again),
        cmocka_unit_test(the_normal_form_is_sorted_and_says_only_what_counts),
        cmocka_unit_test(what_is_no_object_is_an_empty_template),
        cmocka_unit_test(injecting_the_peers_defaults_changes_nothing),
        cmocka_unit_test(garbage_anywhere_is_kept_and_never_crashes),
        cmocka_unit_test(oversized_maps_of_quantities_stay_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
