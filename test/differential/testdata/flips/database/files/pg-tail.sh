#!/bin/sh
exec tail -f /srv/pg/log/*.log
