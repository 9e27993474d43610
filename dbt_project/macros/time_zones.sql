{#- A wall clock time in a time zone -> the instant, and back. -#}
{% macro instant_at(local_time, time_zone) %}
    {{- return(adapter.dispatch('instant_at')(local_time, time_zone)) -}}
{% endmacro %}

{% macro duckdb__instant_at(local_time, time_zone) -%}
    timezone({{ time_zone }}, {{ local_time }})
{%- endmacro %}

{% macro local_time_at(instant, time_zone) %}
    {{- return(adapter.dispatch('local_time_at')(instant, time_zone)) -}}
{% endmacro %}

{% macro duckdb__local_time_at(instant, time_zone) -%}
    timezone({{ time_zone }}, {{ instant }})
{%- endmacro %}

{#- The day `days` days after a day. -#}
{% macro add_days(day, days) %}
    {{- return(adapter.dispatch('add_days')(day, days)) -}}
{% endmacro %}

{% macro duckdb__add_days(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{#- One row per day from `first_day` to `last_day`, both included, of each row of a relation that
    has those two columns; `keys` are carried along. -#}
{% macro days_between(relation, keys, first_day, last_day, day) %}
    {{- return(adapter.dispatch('days_between')(relation, keys, first_day, last_day, day)) -}}
{% endmacro %}

{% macro duckdb__days_between(relation, keys, first_day, last_day, day) -%}
    select
        {% for key in keys %}{{ key }}, {% endfor -%}
        cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date)
            as {{ day }}
    from {{ relation }}
{%- endmacro %}

{#- A relation with the column `name`: the time zones that can be converted to. -#}
{% macro time_zone_names() %}
    {{- return(adapter.dispatch('time_zone_names')()) -}}
{% endmacro %}

{% macro duckdb__time_zone_names() -%}
    pg_timezone_names()
{%- endmacro %}
