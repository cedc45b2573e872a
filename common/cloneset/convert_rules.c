/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of spec §1.4 on a view. Values move as they are, whatever their type: judging them is admission's business.
 */
#include "common/cloneset/convert_private.h"

#include "common/api/gvr.h"

const struct cs_convert_part cs_convert_parts[CS_CONVERT_PARTS] = {
    {"scaleStrategy", "labels", {CS_LABEL_EXCLUDE_PREPARING}},
    {"updateStrategy", "annotations",
        {CS_ANNO_PREDOWNLOAD_PARALLELISM, CS_ANNO_PREDOWNLOAD_TIMEOUT, CS_ANNO_PREDOWNLOAD_MIN_READY}},
};

/* Members of v1alpha1's updateStrategy that v1beta1 has in rollingUpdate, but for inPlaceUpdateStrategy. */
static const char *const moved[] = {
    "partition", "maxUnavailable", "maxSurge", "paused", "priorityStrategy", "scatterStrategy"};
#define IN_PLACE "inPlaceUpdateStrategy"

static const struct predownload {
    const char *annotation, *field;
    bool text; /* the field may be a string */
} predownloads[] = {
    {CS_ANNO_PREDOWNLOAD_PARALLELISM, "imagePreDownloadParallelism", true},
    {CS_ANNO_PREDOWNLOAD_TIMEOUT, "imagePreDownloadTimeoutSeconds", false},
    {CS_ANNO_PREDOWNLOAD_MIN_READY, "imagePreDownloadMinUpdatedReadyPods", false},
};

/* ---- small help ---- */

static bool is_null(const struct cs_jtree *t)
{
    return !t || cs_jtree_is(t, CS_J_NULL);
}

static bool member_is(const struct cs_jtree *obj, const char *key, enum cs_jtype type)
{
    return cs_jtree_is(cs_jtree_get(obj, key), type);
}

static bool text_is(const struct cs_jtree *t, const char *text)
{
    return cs_streq(cs_jtree_str(t), text);
}

/* The strategy that is there, or a new one in the place of none; NULL: something else is there, which is left alone. */
static struct cs_jtree *strategy_of(struct cs_jtree *view, const char *member)
{
    struct cs_jtree *t = cs_jtree_get(view, member);

    if (is_null(t))
        return cs_jtree_set(view, member, cs_jtree_new_obj());
    return cs_jtree_is(t, CS_J_OBJECT) ? t : NULL;
}

/* Moves a member; from and to may be the same object's parts. to NULL: it is dropped. */
static void move(struct cs_jtree *from, struct cs_jtree *to, const char *key)
{
    struct cs_jtree *v = cs_jtree_get(from, key);

    if (v && to)
        (void)cs_jtree_set(to, key, cs_jtree_dup(v));
    cs_jtree_del(from, key);
}

static struct cs_jtree *container(struct cs_jtree *view, const char *name)
{
    struct cs_jtree *t = cs_jtree_get(view, name);

    return cs_jtree_is(t, CS_J_OBJECT) ? t : cs_jtree_set(view, name, cs_jtree_new_obj());
}

/* Absent and empty are the same to the API server. */
static void tidy(struct cs_jtree *view, const char *name)
{
    if (!cs_jtree_first(cs_jtree_get(view, name)))
        cs_jtree_del(view, name);
}

static size_t annotations_size(const struct cs_jtree *annotations, const char *but)
{
    size_t n = 0;

    for (const struct cs_jtree *t = cs_jtree_first(annotations); t; t = cs_jtree_next(t)) {
        const char *text = cs_jtree_str(t);

        if (!cs_streq(cs_jtree_key(t), but))
            n += strlen(cs_jtree_key(t)) + (text ? strlen(text) : 0);
    }
    return n;
}

bool cs_convert_annotate(struct cs_jtree *view, const char *key, const char *text)
{
    size_t others = annotations_size(cs_jtree_get(view, "annotations"), key);

    if (others + strlen(key) + strlen(text) > CS_ANNOTATIONS_MAX)
        return false;
    (void)cs_jtree_set(container(view, "annotations"), key, cs_jtree_new_str(text));
    return true;
}

/* ---- scaleStrategy ---- */

static void scale_to_beta(struct cs_jtree *view)
{
    struct cs_jtree *s = strategy_of(view, "scaleStrategy");

    if (!s)
        return;
    bool reuse = !member_is(s, "disablePVCReuse", CS_J_TRUE);
    cs_jtree_del(s, "disablePVCReuse");
    cs_jtree_del(s, "excludePreparingDelete"); /* an unknown member must not gain a meaning */
    (void)cs_jtree_set(s, "enablePVCReuse", cs_jtree_new_bool(reuse));
    if (text_is(cs_jtree_get(cs_jtree_get(view, "labels"), CS_LABEL_EXCLUDE_PREPARING), "true"))
        (void)cs_jtree_set(s, "excludePreparingDelete", cs_jtree_new_bool(true));
}

/*
 * The label follows the field, for the controller reads v1alpha1; a field that is absent leaves the label's word to be
 * taken for it.
 */
static void scale_to_alpha(struct cs_jtree *view)
{
    struct cs_jtree *s = strategy_of(view, "scaleStrategy"), *labels = cs_jtree_get(view, "labels");

    if (!s)
        return;
    bool reuse = member_is(s, "enablePVCReuse", CS_J_TRUE);
    cs_jtree_del(s, "enablePVCReuse");
    cs_jtree_del(s, "disablePVCReuse");
    if (!reuse)
        (void)cs_jtree_set(s, "disablePVCReuse", cs_jtree_new_bool(true));
    if (member_is(s, "excludePreparingDelete", CS_J_TRUE))
        (void)cs_jtree_set(container(view, "labels"), CS_LABEL_EXCLUDE_PREPARING, cs_jtree_new_str("true"));
    else if (member_is(s, "excludePreparingDelete", CS_J_FALSE) &&
             text_is(cs_jtree_get(labels, CS_LABEL_EXCLUDE_PREPARING), "true"))
        cs_jtree_del(labels, CS_LABEL_EXCLUDE_PREPARING);
    cs_jtree_del(s, "excludePreparingDelete");
}

/* ---- inPlaceUpdateStrategy ---- */

/* The value of a field that an annotation stands for; NULL when it stands for none. */
static struct cs_jtree *field_of(const struct predownload *p, const char *text)
{
    int32_t i;

    if (cs_parse_i32(cs_str(text), &i))
        return cs_jtree_new_i64(i);
    return p->text ? cs_jtree_new_str(text) : NULL;
}

static void in_place_to_beta(struct cs_jtree *view, struct cs_jtree *rolling)
{
    const struct cs_jtree *notes = cs_jtree_get(view, "annotations");
    struct cs_jtree *s = cs_jtree_get(rolling, IN_PLACE);
    bool present = !is_null(s);

    if (present && !cs_jtree_is(s, CS_J_OBJECT))
        return;
    if (!present)
        s = cs_jtree_set(rolling, IN_PLACE, cs_jtree_new_obj());
    for (size_t i = 0; i < CS_ARRAY_LEN(predownloads); i++) {
        const char *text = cs_jtree_str(cs_jtree_get(notes, predownloads[i].annotation));
        struct cs_jtree *v = NULL;

        if (text && *text) {
            present = true;
            v = field_of(&predownloads[i], text);
        }
        cs_jtree_del(s, predownloads[i].field); /* v1alpha1's own has no effect */
        if (v)
            (void)cs_jtree_set(s, predownloads[i].field, v);
    }
    if (!present)
        cs_jtree_del(rolling, IN_PLACE);
}

/* What an annotation says for a field; NULL when it cannot. */
static const char *annotation_of(const struct predownload *p, const struct cs_jtree *v)
{
    const char *number = cs_jtree_number(v);
    int32_t i;

    if (!number)
        return p->text ? cs_jtree_str(v) : NULL;
    if (!cs_parse_i32(cs_str(number), &i))
        return NULL;
    return i == 0 ? "0" : number; /* "-0" is a number of JSON, and would not be read back as the same */
}

static void in_place_to_alpha(struct cs_jtree *view, struct cs_jtree *update)
{
    struct cs_jtree *s = cs_jtree_get(update, IN_PLACE);
    const struct cs_jtree *grace;
    bool set = false;

    if (is_null(s)) {
        cs_jtree_del(update, IN_PLACE);
        return;
    }
    if (!cs_jtree_is(s, CS_J_OBJECT))
        return;
    for (size_t i = 0; i < CS_ARRAY_LEN(predownloads); i++) {
        const struct cs_jtree *v = cs_jtree_get(s, predownloads[i].field);
        const char *text = annotation_of(&predownloads[i], v);

        set = set || !is_null(v);
        if (text)
            (void)cs_convert_annotate(view, predownloads[i].annotation, text);
        cs_jtree_del(s, predownloads[i].field);
    }
    grace = cs_jtree_get(s, "gracePeriodSeconds");
    if (!set && (is_null(grace) || cs_streq(cs_jtree_number(grace), "0")) && cs_jtree_count(s) == (grace ? 1 : 0))
        cs_jtree_del(update, IN_PLACE);
}

/* ---- updateStrategy ---- */

static void update_to_beta(struct cs_jtree *view)
{
    struct cs_jtree *u = strategy_of(view, "updateStrategy"), *rolling = NULL;

    if (!u)
        return;
    const char *type = cs_jtree_str(cs_jtree_get(u, "type"));
    bool in_place = cs_streq(type, "InPlaceIfPossible") || cs_streq(type, "InPlaceOnly");
    cs_jtree_del(u, "rollingUpdate");
    if (!cs_streq(type, "OnDelete")) {
        rolling = cs_jtree_new_obj();
        (void)cs_jtree_set(rolling, "podUpdatePolicy", cs_jtree_new_str(in_place ? type : "ReCreate"));
        (void)cs_jtree_set(u, "type", cs_jtree_new_str("RollingUpdate"));
        (void)cs_jtree_set(u, "rollingUpdate", rolling);
    }
    for (size_t i = 0; i < CS_ARRAY_LEN(moved); i++)
        move(u, rolling, moved[i]);
    move(u, rolling, IN_PLACE);
    if (rolling)
        in_place_to_beta(view, rolling);
}

static const char *alpha_type(const struct cs_jtree *update, const struct cs_jtree *rolling)
{
    const char *policy = cs_jtree_str(cs_jtree_get(rolling, "podUpdatePolicy"));

    if (text_is(cs_jtree_get(update, "type"), "OnDelete"))
        return "OnDelete";
    return cs_streq(policy, "InPlaceIfPossible") || cs_streq(policy, "InPlaceOnly") ? policy : "ReCreate";
}

static void update_to_alpha(struct cs_jtree *view)
{
    struct cs_jtree *u = strategy_of(view, "updateStrategy"), *rolling;

    if (!u)
        return;
    for (size_t i = 0; i < CS_ARRAY_LEN(moved); i++)
        cs_jtree_del(u, moved[i]); /* unknown there: must not gain a meaning */
    cs_jtree_del(u, IN_PLACE);
    rolling = cs_jtree_get(u, "rollingUpdate");
    (void)cs_jtree_set(u, "type", cs_jtree_new_str(alpha_type(u, rolling)));
    for (size_t i = 0; i < CS_ARRAY_LEN(moved); i++)
        move(rolling, u, moved[i]);
    move(rolling, u, IN_PLACE);
    cs_jtree_del(u, "rollingUpdate");
    in_place_to_alpha(view, u);
}

void cs_convert_rules(struct cs_jtree *view, enum cs_version to)
{
    if (to == CS_V1BETA1) {
        scale_to_beta(view);
        update_to_beta(view);
    } else {
        scale_to_alpha(view);
        update_to_alpha(view);
    }
    tidy(view, "labels");
    tidy(view, "annotations");
}
