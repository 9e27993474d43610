{#- The levels that ratios to the usual are taken at. A level is a product, or all of them, in a
    place: a store, a region of a source, or a source. -#}
{% macro feature_levels() %}
    {{ return([
        {'name': 'series', 'place': 'store', 'by_product': true},
        {'name': 'product_region', 'place': 'region', 'by_product': true},
        {'name': 'store', 'place': 'store', 'by_product': false},
        {'name': 'product', 'place': 'source', 'by_product': true},
        {'name': 'source', 'place': 'source', 'by_product': false},
    ]) }}
{% endmacro %}


{#- Days after which the units of a day count as settled: what gets known later changes no ratio. -#}
{% macro feature_settling_days() %}{{ return(28) }}{% endmacro %}


{#- Days before and after a day whose same weekdays say what was usual for it. -#}
{% macro feature_usual_days() %}{{ return(28) }}{% endmacro %}


{#- Days from a day until its ratio to the usual is known. -#}
{% macro feature_ratio_known_days() %}
    {{ return(feature_settling_days() + feature_usual_days()) }}
{% endmacro %}


{#- What a day is, as far as sales follow it: the nearest rare event and the days from it, the
    frequent events and whether it is weekend, the day of the month. -#}
{% macro feature_situations(situations, day) -%}
    {{ situations }}.event_name || '@' || {{ situations }}.event_offset as event,
        {{ situations }}.frequent_events
        || case when {{ feature_weekday(day) }} >= 6 then '@weekend' else '' end as frequent,
        cast(extract(day from {{ day }}) as integer) as month_day
{%- endmacro %}


{#- Before a model by target day adds the days of the origins to build: remove what it has of them, and
    of days before any origin's. As forget_origins_to_build otherwise. -#}
{% macro forget_target_days_to_build() %}
    {%- if is_incremental() -%}
        {%- set origins = this.incorporate(path={'identifier': 'forecast_origins'}) -%}
        {%- set to_build = this.incorporate(path={'identifier': 'origins_to_build'}) -%}
        delete from {{ this }}
        where
            target_on between
                (select min(cutoff_on) + 1 from {{ to_build }})
                and (select max(cutoff_on + horizon_days) from {{ to_build }})
            or target_on <= (select min(cutoff_on) from {{ origins }})
    {%- endif -%}
{% endmacro %}


{#- How a level changed from the four weeks before the cutoff to the target's day or week, one to three
    years before: the mean of the years there are. -#}
{% macro feature_season(level, period) -%}
    cast(list_avg([
            {%- for year in [1, 2, 3] %}
            {{ feature_ratio(
                level ~ '_day.' ~ period ~ '_units_' ~ year,
                'series_weekdays.' ~ level ~ '_month_' ~ year
            ) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ]) as float)
{%- endmacro %}
