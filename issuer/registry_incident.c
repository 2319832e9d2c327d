/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_incident.h"

#include "issuer/registry_internal.h"

static enum err read_incident(struct sql_row *row, struct registry_incident *ret)
{
    ret->id = sql_get_number(row);
    ret->title = sql_get_text(row);
    ret->url = sql_get_text(row);
    ret->renew_by_s = sql_get_number(row);
    ret->created_at_s = sql_get_number(row);
    ret->closed_at_s = sql_get_number(row);
    ret->actor = sql_get_text(row);
    ret->serial_count = sql_get_number(row);
    return sql_row_end(row);
}

enum err registry_incident_add(struct registry *r, const struct registry_incident *i,
                               uint64_t *ret_id)
{
    uint64_t id = 0;
    TRY(registry_next_id(r, "incident", &id));
    TRY(registry_change(r, STATEMENT_INCIDENT_ADD,
                        REGISTRY_PARAMS(sql_number(id), param_text(i->title), param_text(i->url),
                                        sql_number(i->renew_by_s), sql_number(i->created_at_s),
                                        param_customer(i->actor)),
                        ERR_STORE));
    *ret_id = id;
    return ERR_OK;
}

struct one_incident {
    struct registry *r;
    struct registry_incident incident;
};

static enum err keep_incident(void *context, struct sql_row *row)
{
    struct one_incident *one = context;
    TRY(read_incident(row, &one->incident));
    TRY(registry_keep(one->r, &one->incident.title));
    TRY(registry_keep(one->r, &one->incident.url));
    return registry_keep(one->r, &one->incident.actor);
}

enum err registry_incident_get(struct registry *r, uint64_t id, struct registry_incident *ret)
{
    struct one_incident one = {.r = r};
    TRY(registry_one(r, STATEMENT_INCIDENT_GET, REGISTRY_PARAMS(sql_number(id)), keep_incident,
                     &one));
    *ret = one.incident;
    return ERR_OK;
}

enum err registry_incident_close(struct registry *r, uint64_t id, uint64_t at_s)
{
    if (at_s == 0)
        return ERR_RANGE;
    return registry_change(r, STATEMENT_INCIDENT_CLOSE,
                           REGISTRY_PARAMS(sql_number(id), sql_number(at_s)), ERR_NOT_FOUND);
}

struct incident_list {
    registry_incident_row row;
    void *context;
};

static enum err give_incident(void *context, struct sql_row *row)
{
    const struct incident_list *list = context;
    struct registry_incident incident;
    TRY(read_incident(row, &incident));
    return list->row(list->context, &incident);
}

enum err registry_incidents(struct registry *r, uint64_t after_id, size_t limit,
                            registry_incident_row row, void *context)
{
    struct incident_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_INCIDENT_LIST,
                        REGISTRY_PARAMS(sql_number(after_id), sql_number(limit)), give_incident,
                        &list);
}

enum err registry_incident_serial_add(struct registry *r, uint64_t id, uint64_t issuer_id,
                                      const struct serial *serial)
{
    uint64_t closed_at_s = 0;
    struct registry_reservation reservation;
    TRY(registry_number(r, STATEMENT_INCIDENT_LOCK, REGISTRY_PARAMS(sql_number(id)), &closed_at_s));
    if (closed_at_s != 0)
        return ERR_CONFLICT;
    TRY(registry_serial_get(r, issuer_id, serial, &reservation));
    return registry_run(r, STATEMENT_INCIDENT_SERIAL_ADD,
                        REGISTRY_PARAMS(sql_number(id), sql_bits(issuer_id), sql_serial(serial)),
                        NULL, NULL);
}

struct serial_list {
    registry_serial_row row;
    void *context;
};

static enum err give_serial(void *context, struct sql_row *row)
{
    const struct serial_list *list = context;
    uint64_t issuer_id = sql_get_bits(row);
    struct serial serial = sql_get_serial(row);
    TRY(sql_row_end(row));
    return list->row(list->context, issuer_id, &serial);
}

enum err registry_incident_serials(struct registry *r, uint64_t id, uint64_t after_issuer_id,
                                   const struct serial *after, size_t limit,
                                   registry_serial_row row, void *context)
{
    struct serial_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_INCIDENT_SERIALS,
                        REGISTRY_PARAMS(sql_number(id), sql_bits(after_issuer_id),
                                        sql_serial(after), sql_number(limit)),
                        give_serial, &list);
}

struct incident_of {
    uint64_t id;
    uint64_t renew_by_s;
};

static enum err read_incident_of(void *context, struct sql_row *row)
{
    struct incident_of *of = context;
    of->id = sql_get_number(row);
    of->renew_by_s = sql_get_number(row);
    return sql_row_end(row);
}

enum err registry_incident_of(struct registry *r, uint64_t issuer_id, const struct serial *serial,
                              uint64_t *ret_id, uint64_t *ret_renew_by_s)
{
    struct incident_of of;
    TRY(registry_one(r, STATEMENT_INCIDENT_OF,
                     REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial)), read_incident_of,
                     &of));
    *ret_id = of.id;
    *ret_renew_by_s = of.renew_by_s;
    return ERR_OK;
}
